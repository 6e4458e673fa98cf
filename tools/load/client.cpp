#include "client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>

#include "base/assert.hpp"
#include "limits.hpp"
#include "runtime/kernel.hpp"
#include "worker.hpp"

namespace sluice::load {

using runtime::Task;

namespace {

// A server that refuses at once must not be asked as fast as a loop can.
constexpr Duration pause_after_failure = std::chrono::milliseconds(10);

}  // namespace

Client::Client(Worker& worker, std::size_t index, std::size_t first_place)
    : worker_(worker),
      index_(index),
      place_(first_place),
      starts_(worker.plan().pipeline),
      reader_(worker.plan().method, worker.plan().expectation, worker.head()),
      send_(*this, &Client::on_sent),
      skip_(*this, &Client::on_skipped) {}

Task<void> Client::run() {
  bool is_ahead = worker_.plan().keep_alive;  // the first connection is made before the load begins
  while (!worker_.is_interrupted()) {
    if (!is_ahead && count_ == 0 && !take(runtime::kernel::now())) {
      if (!worker_.may_start(*this)) break;
      wake_.reset();
      (void)co_await wake_.wait(Instant::never());
      continue;
    }
    const Result<void> opened = co_await open();
    if (is_ahead) worker_.note_prepared();
    if (opened) {
      worker_.want_pump(*this);
      (void)co_await ended_.wait(Instant::never());
      co_await close();
    } else if (!is_ahead && !worker_.is_interrupted()) {
      fail_first(kind_of_connect(opened.error()));
      // Nothing is tried twice once the load has ended.
      while (worker_.is_over() && count_ > 0) fail_first(kind_of_connect(opened.error()));
      (void)co_await runtime::sleep_until(worker_.loop().now() + pause_after_failure);
    }
    is_ahead = false;
    phase_ = Phase::waiting;
  }
  while (count_ > 0) {
    worker_.note_abandoned(start_at(0));
    pop_start();
  }
}

Task<Result<void>> Client::open() {
  phase_ = Phase::opening;
  const net::Address& address = worker_.plan().address;
  const int fd = runtime::kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC);
  if (fd < 0) co_return std::unexpected(error_from_errno(-fd));
  if (!address.is_unix()) (void)runtime::kernel::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  const Instant deadline = worker_.loop().now() + worker_.plan().timeout;
  const Result<int> connected = co_await runtime::connect(fd, address.data(), address.size(), deadline);
  if (!connected) {
    runtime::kernel::close(fd);
    co_return std::unexpected(connected.error());
  }
  worker_.note_connection();
  stream_.emplace(worker_.loop(), worker_.buffers(), fd, receive_share_max);
  stream_->set_observer(this);
  // Until an answer has shown that it is short: a multishot would copy long ones, and has to be cancelled at the end.
  stream_->set_receive_mode(net::Stream::ReceiveMode::single);
  stream_->start_receiving();
  reader_.begin();
  sent_ = 0;
  is_write_broken_ = false;
  was_long_ = false;
  ended_.reset();
  phase_ = Phase::open;
  co_return Result<void>();
}

Task<void> Client::close() {
  phase_ = Phase::closing;
  if (is_armed()) worker_.loop().wheel().disarm(*this);
  worker_.loop().cancel(send_);
  worker_.loop().cancel(skip_);
  co_await runtime::Joined(send_, send_.joiner);
  co_await runtime::Joined(skip_, skip_.joiner);
  co_await stream_->close();
  stream_.reset();
}

bool Client::take(Instant now) {
  const std::optional<Instant> due = worker_.take_start(*this, now);
  if (!due) return false;
  SLUICE_ASSERT(count_ < starts_.size());
  start_at(count_) = {*due, Instant(), place_};
  ++count_;
  ++taken_;
  place_ = worker_.plan().mix.next(place_);
  return true;
}

void Client::pump(Instant now) {
  if (phase_ != Phase::open) {
    wake_.set();
    return;
  }
  while (count_ < starts_.size() && take(now)) continue;
  if (count_ == 0 && !worker_.may_start(*this)) return end();
  if (sent_ < count_ && !send_.in_flight() && !is_write_broken_) send_next(now);
}

void Client::send_next(Instant now) {
  io_uring_sqe* sqe = worker_.loop().next_sqe();
  if (sqe == nullptr) return worker_.want_pump(*this);
  const Mix::Run run = worker_.plan().mix.run_at(start_at(sent_).place, count_ - sent_);
  for (std::size_t i = 0; i < run.count; ++i, ++sent_) start_at(sent_).sent_at = now;
  unsent_ = run.bytes;
  if (!is_armed()) watch_deadline();
  // Nearly always there is room for all of it, and then this completes while it is submitted.
  io_uring_prep_send(sqe, stream_->fd(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  worker_.loop().start(send_, sqe);
  worker_.loop().expect_at_once();
}

void Client::send_rest() {
  io_uring_sqe* sqe = worker_.loop().next_sqe();
  if (sqe == nullptr) {
    is_write_broken_ = true;
    return;
  }
  io_uring_prep_send(sqe, stream_->fd(), unsent_.data(), unsent_.size(), MSG_WAITALL | MSG_NOSIGNAL);
  worker_.loop().start(send_, sqe);
}

void Client::Transfer::on_completion(int result, unsigned /*flags*/) {
  if (in_flight()) return;  // its cancel is still to come
  (client_.*handler_)(result);
  (void)runtime::Joined::wake(joiner);
}

void Client::Transfer::on_joined() { (void)runtime::Joined::wake(joiner); }

void Client::on_sent(int result) {
  if (result > 0) {
    worker_.note_bytes_sent(static_cast<std::uint64_t>(result));
    unsent_.remove_prefix(static_cast<std::size_t>(result));
  }
  if (phase_ != Phase::open) return;
  if (result < 0 && result != -EAGAIN && result != -EINTR) {
    // What is received says why, and may be an answer that came before all of the request was sent.
    is_write_broken_ = true;
  } else if (!unsent_.empty()) {
    send_rest();
  } else if (sent_ < count_) {
    worker_.want_pump(*this);
  }
}

void Client::on_unread_input(net::Stream& stream) {
  if (phase_ != Phase::open) return;
  while (std::optional<runtime::Slice> slice = stream.try_read()) {
    read(slice->bytes());
    if (phase_ != Phase::open) return;
  }
  if (stream.has_ended()) return on_end_of_input();
  receive_more();
}

void Client::receive_more() {
  const bool is_receiving = stream_->receive_state() != net::Stream::ReceiveState::idle;
  if (!is_receiving && reader_.skippable() >= skip_from_bytes) return skip_payload();
  stream_->set_receive_mode(was_long_ ? net::Stream::ReceiveMode::single : net::Stream::ReceiveMode::multishot);
  stream_->start_receiving();
}

// tcp(7): with MSG_TRUNC the kernel throws the bytes away, which spares the copy.
void Client::skip_payload() {
  io_uring_sqe* sqe = worker_.loop().next_sqe();
  if (sqe == nullptr) return stream_->start_receiving();
  was_long_ = true;
  const std::span<char> unused = worker_.unused_bytes();
  const std::size_t size = std::min<std::uint64_t>(reader_.skippable(), unused.size());
  io_uring_prep_recv(sqe, stream_->fd(), unused.data(), size, MSG_TRUNC);
  worker_.loop().start(skip_, sqe);
}

void Client::on_skipped(int result) {
  if (phase_ != Phase::open) return;
  if (result == -EINTR || result == -EAGAIN) return skip_payload();
  if (result <= 0) {
    stream_->note_end(-result);
    return on_end_of_input();
  }
  worker_.note_bytes_received(static_cast<std::uint64_t>(result));
  if (reader_.skip(static_cast<std::uint64_t>(result)) == ResponseReader::State::done) on_response();
  if (phase_ != Phase::open) return;
  if (reader_.skippable() > 0) return skip_payload();
  receive_more();
}

void Client::read(std::string_view bytes) {
  worker_.note_bytes_received(bytes.size());
  while (!bytes.empty() && phase_ == Phase::open) {
    if (sent_ == 0) {
      worker_.note_stray();
      return end();
    }
    const ResponseReader::Step step = reader_.step(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.state == ResponseReader::State::malformed) {
      fail_sent(ErrorKind::malformed);
      return end();
    }
    if (step.state == ResponseReader::State::done) on_response();
  }
}

void Client::on_response() {
  worker_.note_response(start_at(0), reader_);
  pop_start();
  if (reader_.body_bytes() < skip_from_bytes) was_long_ = false;
  const bool keeps_alive = reader_.keeps_alive() && worker_.plan().keep_alive;
  reader_.begin();
  if (!keeps_alive) {
    // RFC 9112 §9.6: whatever came behind this request has not been looked at, and is sent again on the next
    // connection.
    return end();
  }
  worker_.want_pump(*this);
}

void Client::on_end_of_input() {
  if (reader_.ends_at_close() && stream_->receive_error() == 0) {
    on_response();
  } else {
    fail_sent(stream_->receive_error() == 0 ? ErrorKind::closed : ErrorKind::reset);
  }
  if (phase_ == Phase::open) end();
}

void Client::on_deadline() {
  if (phase_ != Phase::open || sent_ == 0) return;
  if (worker_.loop().now() < start_at(0).sent_at + worker_.plan().timeout) return watch_deadline();
  fail_sent(ErrorKind::timeout);
  end();
}

// One timer for all that is under way, moved on when it fires: most answers never touch it.
void Client::watch_deadline() { worker_.loop().wheel().arm(*this, start_at(0).sent_at + worker_.plan().timeout); }

void Client::fail_first(ErrorKind kind) {
  worker_.note_failure(start_at(0), kind);
  pop_start();
}

void Client::fail_sent(ErrorKind kind) {
  while (sent_ > 0) fail_first(kind);
}

void Client::pop_start() {
  SLUICE_ASSERT(count_ > 0);
  first_ = (first_ + 1) % starts_.size();
  --count_;
  if (sent_ > 0) --sent_;
}

void Client::end() {
  phase_ = Phase::closing;
  ended_.set();
}

}  // namespace sluice::load
