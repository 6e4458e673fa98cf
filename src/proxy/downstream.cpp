#include "proxy/downstream.hpp"

#include <netinet/in.h>

#include <chrono>
#include <utility>

#include "proxy/census.hpp"
#include "proxy/exchange.hpp"
#include "proxy/particulars.hpp"
#include "proxy/relay.hpp"
#include "proxy/shard.hpp"
#include "proxy/shard_listener.hpp"
#include "proxy/tunnel.hpp"
#include "runtime/kernel.hpp"

namespace sluice::proxy {

using runtime::Task;

namespace {

// docs/closing.md, "linger".
constexpr Duration linger_idle = std::chrono::seconds(2);
constexpr Duration linger_total = std::chrono::seconds(10);
constexpr std::size_t linger_bytes_max = std::size_t{16} * 1024 * 1024;

}  // namespace

Downstream::Downstream(Shard& shard, runtime::Strand& strand, int fd, const net::Address& client,
                       ShardListener& listener)
    : shard_(shard),
      strand_(strand),
      listener_(listener),
      stream_(shard.loop(), shard.buffers(), fd, Shard::downstream_share_max),
      input_(stream_, shard.gather_blocks()),
      output_(stream_, shard.send_blocks()),
      client_(client),
      id_(shard.next_connection_id()),
      began_(shard.loop().now()) {
  stream_.set_observer(this);
  if (client.is_unix()) stream_.note_unix();
  listener_.use();
}

Downstream::~Downstream() { listener_.end_use(); }

bool Downstream::may_go_on() const { return !shard_.is_draining() && !listener_.is_removed(); }

void Downstream::on_unread_input(net::Stream& /*stream*/) {
  if (activity_ == Activity::exchange) watch_client();
}

void Downstream::set_tunnel(std::unique_ptr<Tunnel> tunnel) { tunnel_ = std::move(tunnel); }

void Downstream::take_new_snapshot() {
  if (exchange_ != nullptr) exchange_->take_new_snapshot();
}

void Downstream::begin_relay() {
  activity_ = Activity::exchange;
  half_close_ = true;
  stream_.watch_for(net::Stream::WatchFor::reset);
}

void Downstream::request_ended(bool was_spliced) {
  // A multishot would copy much of the next body before it is stopped.
  stream_.set_receive_mode(was_spliced ? net::Stream::ReceiveMode::single : net::Stream::ReceiveMode::multishot);
  stream_.start_receiving();
  stream_.watch_for(half_close_ ? net::Stream::WatchFor::reset : net::Stream::WatchFor::end);
  watch_client();
}

// A RST from the client during an exchange cancels it, and a FIN unless the route lets the client end its side first.
void Downstream::watch_client() {
  const bool is_reset = stream_.has_failed() || stream_.has_seen_reset();
  const bool has_ended = stream_.will_receive_no_more() || stream_.has_seen_end();
  if (is_client_gone_ || !(is_reset || (has_ended && !half_close_))) return;
  is_client_gone_ = true;
  strand_.cancel();
}

void Downstream::describe(ConnectionRow& row, Instant now) const {
  row.id = id_;
  row.phase = strand_.phase();
  row.age = now - began_;
  row.requests = requests_;
  row.bytes_sent = stream_.bytes_sent();
  char text[net::Address::text_bytes_max];
  row.client.assign(client_.write_host(text));
  row.listener.assign(listener_.name());
  if (exchange_ != nullptr) exchange_->describe(row, now);
  if (tunnel_ != nullptr) tunnel_->describe(row, now);
  if (particulars_ != nullptr && particulars_->relay != nullptr) particulars_->relay->describe(row, now);
}

Task<void> Downstream::run() { return listener_.terms().protocol == net::ListenerProtocol::tcp ? relay() : serve(); }

Task<void> Downstream::relay() {
  Relay relay(shard_, *this);
  particulars().relay = &relay;
  if (co_await relay.run() == Disposition::abort) stream_.abort_on_close();
  particulars().relay = nullptr;
  release();
  co_await stream_.close();
}

Task<void> Downstream::serve() {
  co_await serve_requests();
  release();
  co_await stream_.close();
}

Task<void> Downstream::close() {
  release();
  co_await stream_.close();
}

void Downstream::release() {
  (void)input_.discard();
  output_.clear();
  if (particulars_ != nullptr) particulars_->own_connections.close_all();
}

Particulars& Downstream::particulars() {
  if (particulars_ == nullptr) particulars_ = std::make_unique<Particulars>();
  return *particulars_;
}

void Downstream::set_client(const net::Address& client, const net::Address& destination) {
  client_ = client;
  particulars().destination = destination;
}

net::Address Downstream::destination() const {
  if (particulars_ != nullptr && particulars_->destination) return *particulars_->destination;
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (runtime::kernel::local_address(stream_.fd(), reinterpret_cast<sockaddr*>(&address), size) < 0) return {};
  if (address.sin6_family == AF_UNIX) return net::Address::unnamed_unix();
  return net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
}

const upstream::OwnConnections* Downstream::own_connections() const {
  return particulars_ == nullptr ? nullptr : &particulars_->own_connections;
}

upstream::OwnConnections& Downstream::make_own_connections() { return particulars().own_connections; }

Task<void> Downstream::serve_requests() {
  Disposition disposition = Disposition::keep_alive;
  while (disposition == Disposition::keep_alive) {
    const bool may_be_empty_line = requests_ > 0 && std::string_view("\r\n").starts_with(input_.bytes());
    if (may_be_empty_line && !input_.is_empty() && !co_await pass_empty_line()) co_return;
    if (input_.is_empty()) {
      strand_.set_phase("idle");
      const Instant deadline = shard_.loop().now() + shard_.snapshots().current().timeouts.keep_alive;
      Result<bool> filled = input_.took(co_await input_.arrival(deadline));
      if (message::Input::ran_short(filled)) filled = co_await input_.fill_own(deadline);
      if (!filled || !*filled) co_return;
      continue;
    }
    ++requests_;
    activity_ = Activity::exchange;
    half_close_ = false;
    stream_.watch_for(net::Stream::WatchFor::reset);
    disposition = co_await serve_exchange(shard_, *this);
    if (disposition == Disposition::tunnel) {
      disposition = co_await tunnel_->run();
      tunnel_.reset();
    }
    if (!may_go_on() && disposition == Disposition::keep_alive) disposition = Disposition::close;
    // RFC 9112 §9.6: more may follow what was pipelined, and a reset for it would take the last response with it.
    const bool has_pipelined = !input_.is_empty() || stream_.has_unread();
    if (has_pipelined && disposition == Disposition::close) disposition = Disposition::linger;
    activity_ = disposition == Disposition::linger ? Activity::lingering : Activity::idle;
    stream_.watch_for(net::Stream::WatchFor::nothing);
    input_.release();
  }
  switch (disposition) {
    case Disposition::keep_alive:
    case Disposition::close:
    case Disposition::tunnel:
      break;
    case Disposition::linger:
      co_await linger();
      break;
    case Disposition::abort:
      stream_.abort_on_close();
      break;
  }
}

// RFC 9112 §2.2: some clients send a line too much behind a body; that is no request yet, in one piece or in two.
Task<bool> Downstream::pass_empty_line() {
  if (input_.bytes() == "\r") {
    const Duration head_timeout = shard_.snapshots().current().timeouts.head;
    Result<bool> more = co_await input_.gather(shard_.loop().now() + head_timeout);
    if (!more || !*more) co_return false;
  }
  if (input_.bytes() == "\r\n") input_.consume(2);
  co_return true;
}

Task<void> Downstream::linger() {
  strand_.set_phase("lingering");
  stream_.shut_down_writing();
  stream_.set_receive_mode(net::Stream::ReceiveMode::multishot);
  const Instant end = shard_.loop().now() + linger_total;
  std::size_t dropped = input_.discard();
  while (dropped < linger_bytes_max && shard_.loop().now() < end) {
    Result<bool> filled = co_await input_.fill(std::min(end, shard_.loop().now() + linger_idle));
    if (!filled || !*filled) co_return;
    dropped += input_.discard();
  }
}

std::string_view to_string(Disposition disposition) noexcept {
  switch (disposition) {
    case Disposition::keep_alive:
      return "keep_alive";
    case Disposition::close:
      return "close";
    case Disposition::linger:
      return "linger";
    case Disposition::abort:
      return "abort";
    case Disposition::tunnel:
      return "tunnel";
  }
  return "?";
}

}  // namespace sluice::proxy
