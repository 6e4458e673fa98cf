#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/list.hpp"
#include "runtime/loop.hpp"
#include "runtime/strand.hpp"
#include "runtime/wheel.hpp"

// Waiting for one another on one shard. Nothing here is for several threads; between shards there is the mailbox.
namespace sluice::runtime {

// What: a coroutine in the queue of an Event, Semaphore or Channel. Awaiting gives Result<void>: cancelled, timed_out.
class QueuedWait : public Suspension, public Timer {
 public:
  Result<void> await_resume() noexcept { return result_; }

 protected:
  explicit QueuedWait(Instant deadline) : deadline_(deadline) {}
  ~QueuedWait() = default;

  // False when the strand is cancelled already.
  [[nodiscard]] bool begin(std::coroutine_handle<> handle, Strand& strand) {
    if (strand.is_cancelled()) {
      result_ = failure(ErrorCode::cancelled);
      return false;
    }
    suspend(handle, strand);
    if (!deadline_.is_never()) strand.loop().wheel().arm(*this, deadline_);
    return true;
  }
  void refuse(ErrorCode code) { result_ = failure(code); }
  // It has left the queue without being served.
  virtual void on_given_up() {}

 private:
  friend class WaitQueue;

  void grant() {
    if (is_armed()) strand().loop().wheel().disarm(*this);
    granted_ = true;
    make_ready();
  }
  void give_up(ErrorCode code) {
    // What was granted stays granted: the one who gave it counts on its being used.
    if (granted_) return;
    queue_hook_.unlink();
    if (is_armed()) strand().loop().wheel().disarm(*this);
    result_ = failure(code);
    granted_ = true;
    on_given_up();
    make_ready();
  }
  void on_deadline() final { give_up(ErrorCode::timed_out); }
  void on_cancelled() final { give_up(ErrorCode::cancelled); }

  ListHook queue_hook_;
  Instant deadline_;
  Result<void> result_;
  bool granted_ = false;
};

// What: the waiters of one object, first come first served.
class WaitQueue {
 public:
  void push(QueuedWait& wait) { waits_.push_back(wait); }
  [[nodiscard]] bool is_empty() const { return waits_.is_empty(); }
  // True when somebody was there to be woken.
  bool wake_one() {
    QueuedWait* wait = waits_.pop_front();
    if (wait == nullptr) return false;
    wait->grant();
    return true;
  }
  void wake_all() {
    while (wake_one()) continue;
  }

 private:
  List<QueuedWait, &QueuedWait::queue_hook_> waits_;
};

// What: something that has happened or not. wait() goes through at once while it is set.
class Event {
 public:
  void set() {
    is_set_ = true;
    waits_.wake_all();
  }
  void reset() { is_set_ = false; }
  [[nodiscard]] bool is_set() const { return is_set_; }

  class Wait final : public QueuedWait {
   public:
    Wait(Event& event, Instant deadline) : QueuedWait(deadline), event_(event) {}
    bool await_ready() const noexcept { return event_.is_set_; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
      if (!begin(handle, handle.promise().strand())) return false;
      event_.waits_.push(*this);
      return true;
    }

   private:
    Event& event_;
  };
  [[nodiscard]] Wait wait(Instant deadline) { return {*this, deadline}; }

 private:
  WaitQueue waits_;
  bool is_set_ = false;
};

// What: a number of permits, with a bounded queue of those who wait for one.
// Invariants: a permit that is released goes to the longest waiting, before anybody who comes later.
class Semaphore {
 public:
  // waiting_max: how many may queue; the next one is refused with `exhausted`.
  Semaphore(std::size_t permits, std::size_t waiting_max) : permits_(permits), waiting_max_(waiting_max) {}

  [[nodiscard]] bool try_acquire() {
    if (permits_ == 0) return false;
    --permits_;
    return true;
  }
  void release() {
    if (waits_.wake_one()) {
      --waiting_;
    } else {
      ++permits_;
    }
  }
  [[nodiscard]] std::size_t permits() const { return permits_; }

  class Acquire final : public QueuedWait {
   public:
    Acquire(Semaphore& semaphore, Instant deadline) : QueuedWait(deadline), semaphore_(semaphore) {}
    bool await_ready() noexcept { return semaphore_.try_acquire(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
      if (semaphore_.waiting_ == semaphore_.waiting_max_) {
        refuse(ErrorCode::exhausted);
        return false;
      }
      if (!begin(handle, handle.promise().strand())) return false;
      semaphore_.waits_.push(*this);
      ++semaphore_.waiting_;
      return true;
    }

   private:
    void on_given_up() override { --semaphore_.waiting_; }
    Semaphore& semaphore_;
  };
  // On success the caller owes one release().
  [[nodiscard]] Acquire acquire(Instant deadline) { return {*this, deadline}; }

 private:
  WaitQueue waits_;
  std::size_t permits_;
  std::size_t waiting_max_;
  std::size_t waiting_ = 0;
};

// What: a bounded queue of T between coroutines of one shard: one sender at a time, one receiver at a time.
template <class T, std::size_t Capacity>
class Channel {
 public:
  Channel() { not_full_.set(); }

  // False when it is full or closed.
  [[nodiscard]] bool try_send(T&& value) {
    if (size_ == Capacity || closed_) return false;
    slots_[(first_ + size_) % Capacity].emplace(std::move(value));
    ++size_;
    not_empty_.set();
    if (size_ == Capacity) not_full_.reset();
    return true;
  }
  [[nodiscard]] std::optional<T> try_receive() {
    if (size_ == 0) return std::nullopt;
    std::optional<T> value = std::exchange(slots_[first_], std::nullopt);
    first_ = (first_ + 1) % Capacity;
    --size_;
    not_full_.set();
    if (size_ == 0 && !closed_) not_empty_.reset();
    return value;
  }
  // No more is sent; what is queued can still be received.
  void close() {
    closed_ = true;
    not_empty_.set();
    not_full_.set();
  }
  [[nodiscard]] bool is_closed() const { return closed_; }

  // Errors: closed, cancelled, timed_out.
  Task<Result<void>> send(T value, Instant deadline) {
    while (!closed_) {
      if (try_send(std::move(value))) co_return Result<void>();
      if (Result<void> ready = co_await not_full_.wait(deadline); !ready) co_return ready;
    }
    co_return failure(ErrorCode::closed);
  }
  Task<Result<T>> receive(Instant deadline) {
    for (;;) {
      if (std::optional<T> value = try_receive()) co_return std::move(*value);
      if (closed_) co_return failure(ErrorCode::closed);
      if (Result<void> ready = co_await not_empty_.wait(deadline); !ready) co_return std::unexpected(ready.error());
    }
  }

 private:
  std::array<std::optional<T>, Capacity> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  Event not_empty_;
  Event not_full_;  // set while there is room
  bool closed_ = false;
};

}  // namespace sluice::runtime
