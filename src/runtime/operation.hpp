#pragma once

#include <coroutine>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "runtime/loop.hpp"
#include "runtime/strand.hpp"
#include "runtime/wheel.hpp"

namespace sluice::runtime {

// What: one single-shot operation that a coroutine awaits; it lives in the awaiting frame, and its address is the SQE's
//       user_data. Cancellation and the deadline both ask the kernel to cancel, and wait until it has answered.
// Invariants: resumed once, after the operation's completion and, if it was cancelled, the cancel's own completion.
class OperationWait : public Operation, public Suspension, public Timer {
 public:
  bool await_ready() const noexcept { return false; }
  // The result of the operation (>= 0), or its Error; a result that arrived in spite of a cancel is kept.
  Result<int> await_resume() noexcept;

 protected:
  explicit OperationWait(Instant deadline) : deadline_(deadline) {}
  ~OperationWait() = default;

  // Takes an SQE, or notes why there is none (then the coroutine goes on at once).
  [[nodiscard]] io_uring_sqe* begin(Strand& strand);
  void wait(std::coroutine_handle<> handle, Strand& strand);

 private:
  void on_completion(int result, unsigned flags) final;
  void on_joined() final;
  void on_deadline() final;
  void on_cancelled() final;
  void finish();

  Instant deadline_;
  Loop* loop_ = nullptr;
  int result_ = 0;
  bool timed_out_ = false;
};

// `prepare` fills the SQE (io_uring_prep_...). Awaiting it gives Result<int>.
template <class Prepare>
class PreparedOperation final : public OperationWait {
 public:
  PreparedOperation(Instant deadline, Prepare prepare) : OperationWait(deadline), prepare_(prepare) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    Strand& strand = handle.promise().strand();
    io_uring_sqe* sqe = begin(strand);
    if (sqe == nullptr) return false;
    prepare_(sqe);
    wait(handle, strand);
    strand.loop().start(*this, sqe);
    return true;
  }

 private:
  Prepare prepare_;
};

// deadline: Instant::never() only where something else bounds the wait.
template <class Prepare>
[[nodiscard]] PreparedOperation<Prepare> operation(Instant deadline, Prepare prepare) {
  return PreparedOperation<Prepare>(deadline, prepare);
}

// The operations that the rest uses; each gives Result<int>.
[[nodiscard]] inline auto receive(int fd, void* buffer, std::size_t bytes, Instant deadline) {
  return operation(deadline, [=](io_uring_sqe* sqe) { io_uring_prep_recv(sqe, fd, buffer, bytes, 0); });
}
[[nodiscard]] inline auto send(int fd, const void* buffer, std::size_t bytes, int flags, Instant deadline) {
  return operation(deadline,
                   [=](io_uring_sqe* sqe) { io_uring_prep_send(sqe, fd, buffer, bytes, flags | MSG_NOSIGNAL); });
}
// message: stays valid until the operation has ended.
[[nodiscard]] inline auto send_message(int fd, const msghdr* message, int flags, Instant deadline) {
  return operation(deadline, [=](io_uring_sqe* sqe) {
    io_uring_prep_sendmsg(sqe, fd, message, static_cast<unsigned>(flags | MSG_NOSIGNAL));
  });
}
// Whether whoever awaits the end of a send goes on at once, or may go on together with the next event.
enum class Resume : unsigned char { at_once, with_next_event };

// What: a send that does not wait for room: gives -EAGAIN instead, while it is submitted.
class ImmediateSend final : public OperationWait {
 public:
  // flags: of send(2), beside those that make it immediate.
  ImmediateSend(int fd, std::string_view bytes, Resume resume, int flags = 0)
      : OperationWait(Instant::never()), fd_(fd), flags_(flags), bytes_(bytes), resume_(resume) {}
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    Strand& strand = handle.promise().strand();
    io_uring_sqe* sqe = begin(strand);
    if (sqe == nullptr) return false;
    io_uring_prep_send(sqe, fd_, bytes_.data(), bytes_.size(), flags_ | MSG_DONTWAIT | MSG_NOSIGNAL);
    wait(handle, strand);
    strand.loop().start(*this, sqe);
    if (resume_ == Resume::with_next_event) strand.loop().expect_at_once();
    return true;
  }

 private:
  int fd_;
  int flags_;
  std::string_view bytes_;
  Resume resume_;
};

// address: stays valid until the operation has ended.
[[nodiscard]] inline auto connect(int fd, const sockaddr* address, socklen_t size, Instant deadline) {
  return operation(deadline, [=](io_uring_sqe* sqe) { io_uring_prep_connect(sqe, fd, address, size); });
}
// events: POLLIN, POLLOUT...; gives the events that are there.
[[nodiscard]] inline auto poll(int fd, unsigned events, Instant deadline) {
  return operation(deadline, [=](io_uring_sqe* sqe) { io_uring_prep_poll_add(sqe, fd, events); });
}

// What: waiting for a moment. Awaiting it gives Result<void>: an Error only when the strand was cancelled.
class Sleep final : public Suspension, public Timer {
 public:
  explicit Sleep(Instant until) : until_(until) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    Strand& strand = handle.promise().strand();
    if (strand.is_cancelled()) {
      cancelled_ = true;
      return false;
    }
    suspend(handle, strand);
    strand.loop().wheel().arm(*this, until_);
    return true;
  }
  Result<void> await_resume() noexcept {
    if (cancelled_) return failure(ErrorCode::cancelled);
    return {};
  }

 private:
  void on_deadline() final { resume(); }
  void on_cancelled() final {
    cancelled_ = true;
    if (!is_armed()) return;  // it is being resumed already
    strand().loop().wheel().disarm(*this);
    make_ready();
  }
  Instant until_;
  bool cancelled_ = false;
};
// What: lets the others have their turn: goes on in the next one. For loops that may never have to wait.
class Yield final : public Suspension {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    suspend(handle, handle.promise().strand());
    make_ready();
  }
  void await_resume() const noexcept {}

 private:
  void on_cancelled() final {}
};

[[nodiscard]] inline Sleep sleep_until(Instant until) { return Sleep(until); }

}  // namespace sluice::runtime
