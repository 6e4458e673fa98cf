#include "message/tunnel.hpp"

#include <poll.h>

#include <cerrno>

#include "net/splice.hpp"
#include "runtime/operation.hpp"

namespace sluice::message {

using runtime::Task;

namespace {

// So many long ones in a row, and bytes are moved in bulk; so many short ones, and they are not any more.
constexpr unsigned in_row_max = 4;

std::unexpected<Error> blame(Error error, Side side) {
  if (error.code != ErrorCode::cancelled) error.side = side;
  return std::unexpected(error);
}

}  // namespace

Tunnel::Tunnel(runtime::Strand& owner, Input& downstream, Input& upstream, net::PipePool& pipes,
               const TunnelSettings& settings)
    : pipes_(pipes),
      settings_(settings),
      up_{.from = downstream, .to = upstream.stream(), .from_side = Side::downstream, .to_side = Side::upstream},
      down_{.from = upstream, .to = downstream.stream(), .from_side = Side::upstream, .to_side = Side::downstream},
      last_moved_(owner.loop().now()),
      flows_(owner) {}

Task<Result<void>> Tunnel::run() {
  for (Flow* flow : {&up_, &down_}) {
    flow->from.stream().set_observer(this);
    flow->from.stream().watch_for(net::Stream::WatchFor::reset);
  }
  flows_.spawn("tunnel up", carry(up_));
  flows_.spawn("tunnel down", carry(down_));
  // Nobody was told of a reset that came before, while the 101 was on its way.
  for (Flow* flow : {&up_, &down_}) on_unread_input(flow->from.stream());
  co_await flows_.join();
  for (Flow* flow : {&up_, &down_}) flow->from.stream().set_observer(nullptr);
  co_return result_;
}

// A side may be reset while nothing is received from it: behind its end, or because the other one takes nothing.
void Tunnel::on_unread_input(net::Stream& stream) {
  if (!stream.has_seen_reset()) return;
  fail({ErrorCode::reset, &stream == &up_.to ? Side::upstream : Side::downstream, Retry::never, 0});
}

// The first failure is the cause.
void Tunnel::fail(const Error& error) {
  if (result_) result_ = std::unexpected(error);
  flows_.cancel();
}

Task<void> Tunnel::carry(Flow& flow) {
  (co_await runtime::this_strand()).set_phase("tunnelling");
  Result<bool> goes_on = true;
  while (goes_on && *goes_on) goes_on = flow.is_bulk ? co_await move_bulk(flow) : co_await copy(flow);
  flow.from.release();
  if (goes_on) {
    flow.to.shut_down_writing();
    co_return;
  }
  fail(goes_on.error());
}

// Sends on what has been received, or waits for it. False at the end of the side that sends.
Task<Result<bool>> Tunnel::copy(Flow& flow) {
  if (flow.from.is_empty() && !flow.from.take_received()) {
    Result<bool> filled = co_await wait_for_bytes(flow);
    if (!filled || !*filled) co_return filled;
  }
  note_moved(flow, flow.from.bytes().size());
  if (Result<void> sent = co_await send_received(flow); !sent) co_return std::unexpected(sent.error());
  co_return true;
}

// Both directions share their idleness: a wait ends only when the other one has not moved either.
Task<Result<bool>> Tunnel::wait_for_bytes(Flow& flow) {
  for (;;) {
    Result<bool> filled = co_await flow.from.fill(idle_deadline());
    if (filled) co_return filled;
    if (filled.error().code != ErrorCode::timed_out) co_return blame(filled.error(), flow.from_side);
    if (is_idle()) co_return std::unexpected(filled.error());
  }
}

// As wait_for_bytes, but receives nothing: there is nothing that would have to be held.
Task<Result<bool>> Tunnel::wait_for_news(Flow& flow) {
  for (;;) {
    Result<int> ready = co_await runtime::poll(flow.from.stream().fd(), POLLIN, idle_deadline());
    if (ready || ready.error().os_error == EINTR) co_return true;
    if (ready.error().code != ErrorCode::timed_out) co_return blame(ready.error(), flow.from_side);
    if (is_idle()) co_return std::unexpected(ready.error());
  }
}

Task<Result<void>> Tunnel::send_received(Flow& flow) {
  flow.is_moving = true;
  Result<std::size_t> taken = co_await flow.to.write_now(flow.from.bytes());
  if (taken) flow.from.consume(*taken);
  Result<void> sent;
  if (!taken) {
    sent = std::unexpected(taken.error());
  } else if (!flow.from.is_empty()) {
    // The side that takes is slow: what waits for it leaves the buffers that all connections share, and no more is
    // received into them.
    flow.is_bulk = true;
    flow.alike_in_row = 0;
    co_await flow.from.stream().stop_receiving();
    flow.from.detach();
    sent = co_await flow.to.write(flow.from.bytes(), settings_.stall_timeout);
    if (sent) flow.from.consume(flow.from.bytes().size());
  }
  flow.is_moving = false;
  last_moved_ = loop().now();
  if (!sent) co_return blame(sent.error(), flow.to_side);
  co_return sent;
}

Task<Result<bool>> Tunnel::move_bulk(Flow& flow) {
  co_await flow.from.stream().stop_receiving();
  // What was received before goes first.
  while (!flow.from.is_empty() || flow.from.take_received()) {
    if (Result<void> sent = co_await send_received(flow); !sent) co_return std::unexpected(sent.error());
  }
  flow.from.release();
  if (!flow.from.stream().has_ended()) {
    if (Result<bool> news = co_await wait_for_news(flow); !news) co_return news;
  }
  if (net::Pipe pipe = settings_.may_splice ? pipes_.take() : net::Pipe()) co_return co_await splice(flow, pipe);
  Result<bool> filled = co_await flow.from.fill_own(idle_deadline());
  if (!filled) {
    if (filled.error().code == ErrorCode::timed_out && !is_idle()) co_return true;
    co_return filled.error().code == ErrorCode::timed_out ? filled : blame(filled.error(), flow.from_side);
  }
  if (!*filled) co_return false;
  note_moved(flow, flow.from.bytes().size());
  if (Result<void> sent = co_await send_received(flow); !sent) co_return std::unexpected(sent.error());
  co_return true;
}

// Until the source has nothing more just now. False at its end.
Task<Result<bool>> Tunnel::splice(Flow& flow, net::Pipe& pipe) {
  flow.is_moving = true;
  net::SpliceOutcome outcome =
      co_await net::splice(flow.from.stream(), flow.to, UINT64_MAX, pipe, settings_.stall_timeout, net::WhenDry::ends);
  flow.is_moving = false;
  last_moved_ = loop().now();
  switch (outcome.end) {
    case net::SpliceOutcome::End::complete:
    case net::SpliceOutcome::End::dry:
      note_moved(flow, outcome.moved);
      co_return true;
    case net::SpliceOutcome::End::source_ended:
      co_return false;
    case net::SpliceOutcome::End::source_failed:
      co_return blame(outcome.error, flow.from_side);
    case net::SpliceOutcome::End::sink_failed:
      co_return blame(outcome.error, flow.to_side);
  }
  co_return false;
}

// Decides from how much comes at a time how it is moved.
void Tunnel::note_moved(Flow& flow, std::uint64_t bytes) {
  if ((bytes >= settings_.long_receive_bytes) == flow.is_bulk) {
    flow.alike_in_row = 0;
  } else if (++flow.alike_in_row == in_row_max) {
    flow.is_bulk = !flow.is_bulk;
    flow.alike_in_row = 0;
  }
}

bool Tunnel::is_idle() const {
  return !up_.is_moving && !down_.is_moving && loop().now() - last_moved_ >= settings_.idle_timeout;
}

// While the other direction moves, it is looked after by its own deadline.
Instant Tunnel::idle_deadline() const {
  const bool is_moving = up_.is_moving || down_.is_moving;
  return (is_moving ? loop().now() : last_moved_) + settings_.idle_timeout;
}

}  // namespace sluice::message
