#include "proxy/relay.hpp"

#include <cerrno>

#include "base/assert.hpp"
#include "proxy/access_log.hpp"
#include "proxy/census.hpp"
#include "proxy/endpoint_choice.hpp"
#include "proxy/shard.hpp"
#include "proxy/shard_listener.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upstream_header.hpp"

namespace sluice::proxy {

using runtime::Task;

Relay::Relay(Shard& shard, Downstream& downstream)
    : shard_(shard),
      downstream_(downstream),
      upstream_(downstream.listener().upstream()),
      timeouts_(upstream_->settings().timeouts.over(shard.snapshots().current().timeouts.exchange())),
      started_(shard.loop().now()),
      unix_ms_(shard.unix_ms()) {}

Task<Disposition> Relay::run() {
  shard_.counters().relays.add();
  shard_.counters().relays_open.add();
  downstream_.begin_relay();
  Disposition disposition = Disposition::abort;
  if (upstream::Connection* connection = co_await connect()) {
    connection_ = connection;
    Result<void> outcome = co_await pass_bytes(*connection);
    flows_.reset();
    if (outcome) {
      disposition = Disposition::close;
    } else {
      reason_ = reason_of_cut(outcome.error());
      // Only the end of the connection says where what was passed on ends: it must not look like one that the peer
      // made.
      connection->stream().abort_on_close();
    }
    bytes_up_ = bytes_up();
    connection_ = nullptr;
    co_await connection->endpoint().discard(*connection);
  }
  count();
  log();
  shard_.counters().relays_open.subtract();
  co_return disposition;
}

// Null: nobody took the connection, or the client has gone; reason_ says which.
Task<upstream::Connection*> Relay::connect() {
  downstream_.strand().set_phase("connecting upstream");
  upstream_cells().requests.add();
  EndpointChoice choice(*upstream_);
  upstream::Endpoint* endpoint = choice.next();
  SLUICE_ASSERT(endpoint != nullptr);  // every upstream has one
  while (endpoint != nullptr) {
    endpoint_ = upstream::Use(*endpoint);
    endpoint->cells().requests.add();
    ++attempts_;
    Result<upstream::Connection*> connection = co_await connect_to(*endpoint);
    if (connection) co_return *connection;
    const Error error = connection.error();
    endpoint = error.retry == Retry::safe ? choice.next() : nullptr;
    if (endpoint == nullptr) {
      note_unconnected(error);
      co_return nullptr;
    }
    endpoint_->cells().failures.add();
    note_repetition();
  }
  co_return nullptr;
}

Task<Result<upstream::Connection*>> Relay::connect_to(upstream::Endpoint& endpoint) {
  Result<upstream::Connection*> connection = co_await endpoint.connect(timeouts_.connect);
  if (connection) {
    if (Result<void> announced = announce_client(downstream_, **connection); !announced) {
      co_await endpoint.discard(**connection);
      connection = std::unexpected(announced.error());
    }
  }
  ShardCounters& counters = shard_.counters();
  if (!connection) {
    counters.connect_failures.add();
    upstream_cells().connect_failures.add();
    const int os_error = connection.error().os_error;
    if (os_error == EMFILE || os_error == ENFILE) counters.descriptor_shortages.add();
    co_return connection;
  }
  counters.upstream_connects.add();
  upstream_cells().connects.add();
  connect_ = shard_.loop().now() - started_;
  co_return connection;
}

Task<Result<void>> Relay::pass_bytes(upstream::Connection& connection) {
  if (!connection.output().is_empty()) {
    Result<void> sent = co_await connection.output().flush(timeouts_.idle);
    if (!sent) {
      sent.error().side = Side::upstream;
      co_return sent;
    }
  }
  sent_before_ = connection.stream().bytes_sent();
  downstream_.begin_tunnel();
  downstream_.strand().set_phase("tunnelling");
  connection.stream().set_receive_mode(net::Stream::ReceiveMode::multishot);
  flows_.emplace(downstream_.strand(), downstream_.input(), connection.input(), shard_.pipes(),
                 tunnel_settings(shard_, timeouts_));
  co_return co_await flows_->run();
}

void Relay::note_repetition() {
  shard_.counters().retries.add();
  upstream_cells().retries.add();
}

void Relay::note_unconnected(const Error& error) {
  if (downstream_.strand().is_cancelled()) {
    reason_ = reason_of_cut(error);
    return;
  }
  switch (error.code) {
    case ErrorCode::timed_out:
      reason_ = Reason::upstream_connect_timeout;
      break;
    case ErrorCode::exhausted:
      reason_ = Reason::exhausted;
      break;
    default:
      reason_ = Reason::upstream_refused;
  }
  shard_.counters().upstream_failures.add();
  upstream_cells().failures[static_cast<std::size_t>(reason_)].add();
  if (reason_ != Reason::exhausted) endpoint_->cells().failures.add();
}

Reason Relay::reason_of_cut(const Error& error) const {
  if (downstream_.is_client_gone()) return Reason::client_closed;
  return reason_of_tunnel(error, downstream_.strand().is_cancelled());
}

UpstreamCells& Relay::upstream_cells() const {
  return shard_.counters().meters.upstreams.at(upstream_->settings().slot);
}

std::uint64_t Relay::bytes_up() const {
  return connection_ == nullptr ? bytes_up_ : connection_->stream().bytes_sent() - sent_before_;
}

void Relay::describe(ConnectionRow& row, Instant now) const {
  row.exchange_age = now - started_;
  row.request_bytes = bytes_up();
  row.response_bytes = downstream_.stream().bytes_sent();
  row.upstream.assign(upstream_->name());
  if (endpoint_) row.endpoint.assign(endpoint_->name());
}

void Relay::count() {
  ShardCounters& counters = shard_.counters();
  if (reason_ != Reason::none) counters.reasons[static_cast<std::size_t>(reason_)].add();
  ListenerCells& listener = counters.meters.listeners.at(downstream_.listener().slot());
  listener.relays.add();
  listener.relay_received_bytes.add(bytes_up());
  listener.relay_sent_bytes.add(downstream_.stream().bytes_sent());
}

void Relay::log() {
  if (!shard_.is_logging()) return;
  char text[net::Address::text_bytes_max];
  AccessLogEntry entry;
  entry.is_relay = true;
  entry.unix_ms = unix_ms_;
  entry.shard = shard_.index();
  entry.listener = downstream_.listener().name();
  entry.client = downstream_.client().write_host(text);
  entry.protocol = to_string(net::ListenerProtocol::tcp);
  entry.request_bytes = bytes_up();
  entry.response_bytes = entry.body_bytes = downstream_.stream().bytes_sent();
  entry.upstream = upstream_->name();
  if (endpoint_) entry.endpoint = endpoint_->name();
  entry.attempts = attempts_;
  entry.connect = connect_;
  entry.total = shard_.loop().now() - started_;
  if (reason_ != Reason::none) entry.reason = to_string(reason_);
  shard_.log(entry);
}

}  // namespace sluice::proxy
