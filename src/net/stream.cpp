#include "net/stream.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/assert.hpp"
#include "runtime/kernel.hpp"
#include "runtime/operation.hpp"

namespace sluice::net {

using runtime::Slice;
using runtime::Task;

namespace {

// Enough for most heads; what comes behind is not copied into a buffer that is to be spliced.
constexpr std::size_t single_receive_bytes = 4096;

// How long a connection is served before a poll for its end is worth its submission and its cancel. What a receive does
// not tell of is noticed so much later.
constexpr Duration watch_delay = std::chrono::milliseconds(50);

Error stream_error(const Error& error) { return error.os_error == 0 ? error : connection_error(error.os_error); }

}  // namespace

Error connection_error(int errno_value) noexcept {
  Error error = error_from_errno(errno_value);
  const bool is_gone =
      errno_value == ETIMEDOUT || error.code == ErrorCode::unreachable || error.code == ErrorCode::refused;
  if (is_gone) error.code = ErrorCode::reset;
  return error;
}

Stream::Stream(runtime::Loop& loop, runtime::BufferRing& buffers, int fd, unsigned share_max)
    : loop_(loop), buffers_(buffers), queue_(buffers), fd_(fd), share_max_(share_max), watch_(*this) {}

Stream::~Stream() { SLUICE_ASSERT(fd_ < 0 && reader_ == nullptr && joiner_ == nullptr); }

void Stream::start_receiving() {
  may_rearm_ = true;
  if (state_ == ReceiveState::idle && queue_.count() < share_max_) arm();
}

void Stream::watch_for(WatchFor what) {
  watch_for_ = what;
  watch();
}

// Beside a receive as well: that waits for something new, and so misses a reset that has come with the last bytes, or
// before it was armed (seen on Linux 6.18). Once armed it stays, so a kept connection pays for it once.
bool Stream::wants_watch() const {
  const bool is_wanted = watch_for_ != WatchFor::nothing && !is_closing_ && !watch_.has_seen_reset;
  const bool has_all = state_ == ReceiveState::ended && (receive_error_ != 0 || watch_for_ == WatchFor::end);
  return is_wanted && !has_all && !watch_.in_flight();
}

void Stream::watch() {
  if (wants_watch() && !watch_.is_armed()) loop_.wheel().arm(watch_, loop_.now() + watch_delay);
}

void Stream::begin_watch() {
  if (!wants_watch()) return;
  io_uring_sqe* sqe = loop_.next_sqe();
  if (sqe == nullptr) return;  // the deadlines of whoever waits still hold
  // Multishot, because a poll is told of a FIN whether it asks or not, and that must not hide a reset behind it.
  io_uring_prep_poll_multishot(sqe, fd_, POLLRDHUP);
  loop_.start(watch_, sqe);
}

void Stream::Watch::on_completion(int result, unsigned /*flags*/) {
  if (result > 0) {
    const auto events = static_cast<unsigned>(result);
    has_seen_fin = has_seen_fin || (events & POLLRDHUP) != 0;
    has_seen_reset = has_seen_reset || (events & POLLERR) != 0;
    if (stream_.has_seen_end() && stream_.observer_ != nullptr) stream_.observer_->on_unread_input(stream_);
  }
  if (!in_flight()) (void)runtime::Joined::wake(joiner);
}

void Stream::arm() {
  io_uring_sqe* sqe = loop_.next_sqe();
  if (sqe == nullptr) {
    // No room even after a submit: this connection is the newest work, so it is the one to go.
    note_end(EAGAIN);
    return;
  }
  if (mode_ == ReceiveMode::single) {
    io_uring_prep_recv(sqe, fd_, nullptr, std::min(single_receive_bytes, buffers_.buffer_bytes()), 0);
  } else if (is_unix_) {
    // A multishot that is woken by bytes and FIN at once takes the bytes and waits on; over TCP the kernel knows that
    // there is more (seen on Linux 6.18).
    io_uring_prep_recv(sqe, fd_, nullptr, buffers_.buffer_bytes(), 0);
  } else {
    io_uring_prep_recv_multishot(sqe, fd_, nullptr, 0, 0);
  }
  sqe->flags |= IOSQE_BUFFER_SELECT;
  // Takes a buffer only once there is something to put into it: without this, arming with no buffer left ends at once.
  sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  sqe->buf_group = static_cast<std::uint16_t>(buffers_.group());
  loop_.start(*this, sqe);
  state_ = ReceiveState::armed;
}

void Stream::on_completion(int result, unsigned flags) {
  if (result > 0) {
    queue_.push(flags, static_cast<std::size_t>(result));
    if (queue_.count() >= share_max_ && state_ == ReceiveState::armed && in_flight()) {
      state_ = ReceiveState::stopping;
      loop_.cancel(*this);
    }
  }
  if (!in_flight()) {
    settle(result);
  } else if (result <= 0 && state_ == ReceiveState::stopping) {
    // Final, and only the cancel's own completion is still to come: keep what it said.
    if (result != -ECANCELED && result != -ENOBUFS) note_end(-result);
  }
  announce();
}

void Stream::on_joined() {
  settle(-ECANCELED);
  announce();
}

// The receive has ended, with `result` as its last word.
void Stream::settle(int result) {
  if (state_ != ReceiveState::ended) {
    state_ = ReceiveState::idle;
    if (result == 0) {
      note_end(0);
    } else if (result == -ENOBUFS) {
      if (may_rearm_ && queue_.count() < share_max_ && buffers_.grow()) {
        arm();
      } else if (reader_ != nullptr && reader_->on_shortage_ == OnShortage::tell) {
        reader_->outcome_ = failure(ErrorCode::exhausted);
        reader_->end_later();
      } else if (may_rearm_ && queue_.is_empty()) {
        state_ = ReceiveState::starved;
        buffers_.wait_for_buffers(*this);
      }
    } else if (result < 0 && result != -ECANCELED && result != -EINTR) {
      note_end(-result);
    } else if (reader_ != nullptr && may_rearm_ && queue_.is_empty()) {
      arm();  // the kernel dropped the multishot, or the pause is over: somebody waits
    }
  }
  if (!in_flight()) (void)runtime::Joined::wake(joiner_);
  watch();
}

void Stream::on_buffers() {
  state_ = ReceiveState::idle;
  arm();
  // Called while somebody gives a buffer back: nothing may be resumed from here.
  if (reader_ != nullptr && can_read_now()) reader_->end_later();
}

// Tells whoever waits that there is something to read.
void Stream::announce() {
  if (!can_read_now()) return;
  if (reader_ != nullptr) {
    Read* reader = reader_;
    reader->end();
    reader->resume();
  } else if (observer_ != nullptr) {
    observer_->on_unread_input(*this);
  }
}

void Stream::note_end(int errno_value) {
  if (state_ == ReceiveState::ended) return;
  if (is_starved()) buffers_.stop_waiting(*this);
  state_ = ReceiveState::ended;
  receive_error_ = errno_value;
}

bool Stream::Read::begin(std::coroutine_handle<> handle, runtime::Strand& strand) {
  SLUICE_ASSERT(stream_.reader_ == nullptr);
  if (strand.is_cancelled()) {
    outcome_ = failure(ErrorCode::cancelled);
    return false;
  }
  if (stream_.state_ == ReceiveState::starved && on_shortage_ == OnShortage::tell) {
    stream_.buffers_.stop_waiting(stream_);
    stream_.state_ = ReceiveState::idle;
    outcome_ = failure(ErrorCode::exhausted);
    return false;
  }
  if (stream_.state_ == ReceiveState::idle) {
    stream_.may_rearm_ = true;
    stream_.arm();
    if (stream_.can_read_now()) return false;
  }
  suspend(handle, strand);
  stream_.reader_ = this;
  if (!deadline_.is_never()) strand.loop().wheel().arm(*this, deadline_);
  return true;
}

void Stream::Read::end() {
  stream_.reader_ = nullptr;
  if (is_armed()) stream_.loop_.wheel().disarm(*this);
}

void Stream::Read::on_deadline() {
  outcome_ = failure(ErrorCode::timed_out);
  end();
  resume();
}

void Stream::Read::on_cancelled() {
  outcome_ = failure(ErrorCode::cancelled);
  end_later();
}

void Stream::Read::end_later() {
  end();
  make_ready();
}

Result<Slice> Stream::Read::await_resume() noexcept {
  if (!outcome_) return std::unexpected(outcome_.error());
  if (!stream_.queue_.is_empty()) return stream_.queue_.pop();
  if (stream_.receive_error_ != 0) return std::unexpected(connection_error(stream_.receive_error_));
  return Slice();
}

Task<void> Stream::stop_receiving() {
  may_rearm_ = false;
  if (is_starved()) {
    buffers_.stop_waiting(*this);
    state_ = ReceiveState::idle;
  }
  if (state_ == ReceiveState::armed) {
    state_ = ReceiveState::stopping;
    loop_.cancel(*this);
  }
  co_await runtime::Joined(*this, joiner_);
}

Task<Result<std::size_t>> Stream::read_into(std::span<char> memory, Instant deadline) {
  SLUICE_ASSERT(!in_flight() && queue_.is_empty());
  if (state_ == ReceiveState::ended) {
    if (receive_error_ != 0) co_return std::unexpected(connection_error(receive_error_));
    co_return std::size_t{0};
  }
  Result<int> count = co_await runtime::receive(fd_, memory.data(), memory.size(), deadline);
  if (!count) {
    // A deadline or a cancel of ours says nothing about the connection.
    const Error error = stream_error(count.error());
    if (error.code != ErrorCode::timed_out && error.code != ErrorCode::cancelled) note_end(error.os_error);
    co_return std::unexpected(error);
  }
  if (*count == 0) note_end(0);
  co_return static_cast<std::size_t>(*count);
}

void Stream::note_taken(std::size_t bytes) {
  bytes_sent_ += bytes;
  if (takes_ != nullptr) takes_->note_bytes(bytes);
}

// One send that may wait for room. 0: it did not come to that, and the next one may.
// send: makes the operation, given its deadline.
template <class Send>
Task<Result<std::size_t>> Stream::send_waiting(Instant idle_end, Send send) {
  if (takes_ != nullptr && takes_->has_fallen_behind()) co_return failure(ErrorCode::timed_out);
  const Instant begin = loop_.now();
  Result<int> count = co_await send(takes_ == nullptr ? idle_end : takes_->deadline(begin, idle_end));
  if (takes_ != nullptr) takes_->note_wait(loop_.now() - begin);
  if (count) {
    note_taken(static_cast<std::size_t>(*count));
    co_return static_cast<std::size_t>(*count);
  }
  const bool is_window_over = count.error().code == ErrorCode::timed_out && loop_.now() < idle_end;
  if (is_window_over || count.error().os_error == EINTR) co_return std::size_t{0};
  co_return std::unexpected(stream_error(count.error()));
}

Task<Result<void>> Stream::write(std::string_view bytes, Duration idle_timeout, runtime::Resume resume, Behind behind) {
  if (!bytes.empty()) {
    holds_last_bytes_ = behind == Behind::close;
    // Nearly always there is room for all of it, and no deadline is needed.
    Result<int> count = co_await runtime::ImmediateSend(fd_, bytes, resume, holds_last_bytes_ ? MSG_MORE : 0);
    if (count) {
      note_taken(static_cast<std::size_t>(*count));
      bytes.remove_prefix(static_cast<std::size_t>(*count));
    } else if (count.error().os_error != EINTR && count.error().os_error != EAGAIN) {
      co_return std::unexpected(stream_error(count.error()));
    }
  }
  Instant idle_end = loop_.now() + idle_timeout;
  while (!bytes.empty()) {
    Result<std::size_t> count = co_await send_waiting(idle_end, [this, bytes](Instant deadline) {
      return runtime::send(fd_, bytes.data(), bytes.size(), 0, deadline);
    });
    if (!count) co_return std::unexpected(count.error());
    if (*count != 0) idle_end = loop_.now() + idle_timeout;
    bytes.remove_prefix(*count);
  }
  co_return Result<void>();
}

Task<Result<std::size_t>> Stream::write_now(std::string_view bytes) {
  Result<int> count = co_await runtime::ImmediateSend(fd_, bytes, runtime::Resume::at_once);
  if (count) {
    note_taken(static_cast<std::size_t>(*count));
    co_return static_cast<std::size_t>(*count);
  }
  if (count.error().os_error == EINTR || count.error().os_error == EAGAIN) co_return std::size_t{0};
  co_return std::unexpected(stream_error(count.error()));
}

Task<Result<void>> Stream::write(std::string_view first, std::string_view second, Duration idle_timeout) {
  Instant idle_end = loop_.now() + idle_timeout;
  while (!first.empty() && !second.empty()) {
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    Result<std::size_t> count = co_await send_waiting(
        idle_end, [this, &message](Instant deadline) { return runtime::send_message(fd_, &message, 0, deadline); });
    if (!count) co_return std::unexpected(count.error());
    if (*count != 0) idle_end = loop_.now() + idle_timeout;
    const std::size_t of_first = std::min(*count, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(*count - of_first);
  }
  co_return co_await write(first.empty() ? second : first, idle_timeout);
}

std::size_t Stream::try_send_ahead(std::string_view bytes) {
  long sent = runtime::kernel::send(fd_, bytes.data(), bytes.size(), MSG_MORE);
  if (sent <= 0) return 0;
  note_taken(static_cast<std::size_t>(sent));
  return static_cast<std::size_t>(sent);
}

void Stream::shut_down_writing() {
  holds_last_bytes_ = false;
  (void)runtime::kernel::shutdown(fd_, SHUT_WR);
}

void Stream::shut_down() { (void)runtime::kernel::shutdown(fd_, SHUT_RDWR); }

void Stream::abort_on_close() {
  holds_last_bytes_ = false;  // a FIN behind them would make them look complete
  (void)runtime::kernel::reset_on_close(fd_);
}

Task<void> Stream::close() {
  observer_ = nullptr;
  is_closing_ = true;
  if (holds_last_bytes_) shut_down_writing();
  if (watch_.is_armed()) loop_.wheel().disarm(watch_);
  loop_.cancel(watch_);
  co_await stop_receiving();
  co_await runtime::Joined(watch_, watch_.joiner);
  queue_.clear();
  note_end(ECANCELED);
  runtime::kernel::close(std::exchange(fd_, -1));
}

std::string_view to_string(Stream::ReceiveState state) noexcept {
  switch (state) {
    case Stream::ReceiveState::idle:
      return "idle";
    case Stream::ReceiveState::armed:
      return "armed";
    case Stream::ReceiveState::stopping:
      return "stopping";
    case Stream::ReceiveState::starved:
      return "starved";
    case Stream::ReceiveState::ended:
      return "ended";
  }
  return "?";
}

}  // namespace sluice::net
