#include "proxy/tunnel.hpp"

#include <algorithm>

#include "proxy/census.hpp"
#include "proxy/shard.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

using runtime::Task;

message::TunnelSettings tunnel_settings(const Shard& shard, const route::Timeouts& timeouts) {
  message::TunnelSettings settings;
  settings.idle_timeout = timeouts.tunnel;
  settings.stall_timeout = std::min(timeouts.idle, timeouts.tunnel);
  settings.may_splice = shard.settings().splice_threshold != 0;
  settings.long_receive_bytes = std::min<std::size_t>(settings.long_receive_bytes, shard.settings().receive_buffer);
  return settings;
}

Tunnel::Tunnel(Shard& shard, Downstream& downstream, upstream::Connection& connection, const AccessLogEntry& entry,
               std::uint64_t sent_before, Instant started, const route::Route& route)
    : shard_(shard),
      downstream_(downstream),
      connection_(connection),
      log_(entry),
      route_slot_(route.slot),
      started_(started),
      client_sent_before_(sent_before),
      head_bytes_(downstream.stream().bytes_sent() - sent_before),
      endpoint_sent_before_(connection.stream().bytes_sent()),
      flows_(downstream.strand(), downstream.input(), connection.input(), shard.pipes(),
             tunnel_settings(shard, route.timeouts)) {
  keep_texts(log_, log_memory_);
}

Task<Disposition> Tunnel::run() {
  downstream_.strand().set_phase("tunnelling");
  shard_.counters().tunnels.add();
  shard_.counters().tunnels_open.add();
  connection_.stream().set_receive_mode(net::Stream::ReceiveMode::multishot);
  downstream_.stream().set_receive_mode(net::Stream::ReceiveMode::multishot);
  Result<void> outcome = co_await flows_.run();
  count(outcome);
  // Only the end of the connection says where what was passed on ends: it must not look like one that the peer made.
  if (!outcome) connection_.stream().abort_on_close();
  co_await connection_.endpoint().discard(connection_);
  shard_.counters().tunnels_open.subtract();
  co_return outcome ? Disposition::close : Disposition::abort;
}

Reason reason_of_tunnel(const Error& error, bool is_cut_off) {
  if (is_cut_off) return Reason::shutdown;
  const bool is_timeout = error.code == ErrorCode::timed_out;
  switch (error.side) {
    case Side::downstream:
      if (error.code == ErrorCode::exhausted) return Reason::exhausted;
      return is_timeout ? Reason::client_stalled : Reason::client_closed;
    case Side::upstream:
      if (error.code == ErrorCode::exhausted) return Reason::exhausted;
      return is_timeout ? Reason::upstream_idle_timeout : Reason::upstream_reset;
    case Side::local:
      return is_timeout ? Reason::tunnel_idle : Reason::exhausted;
  }
  return Reason::exhausted;
}

std::uint64_t Tunnel::bytes_up() const { return connection_.stream().bytes_sent() - endpoint_sent_before_; }

std::uint64_t Tunnel::bytes_down() const { return downstream_.stream().bytes_sent() - client_sent_before_; }

void Tunnel::describe(ConnectionRow& row, Instant now) const {
  row.exchange_age = now - started_;
  row.request_bytes = bytes_up();
  row.response_bytes = bytes_down();
  row.request_id.assign(log_.request_id);
  row.route.assign(log_.route);
  row.upstream.assign(log_.upstream);
  row.endpoint.assign(log_.endpoint);
}

// What the exchange could not know yet, and the line of the log.
void Tunnel::count(const Result<void>& outcome) {
  ShardCounters& counters = shard_.counters();
  const Reason reason = outcome ? Reason::none : reason_of_tunnel(outcome.error(), downstream_.strand().is_cancelled());
  if (reason != Reason::none) counters.reasons[static_cast<std::size_t>(reason)].add();
  RouteCells& route = counters.meters.routes.at(route_slot_);
  route.request_bytes.add(bytes_up());
  route.response_bytes.add(bytes_down() - head_bytes_);
  // The log may have been switched on only after the head had gone.
  if (!shard_.is_logging() || log_.method.empty()) return;
  log_.request_bytes = bytes_up();
  log_.response_bytes = bytes_down();
  log_.body_bytes = bytes_down() - head_bytes_;
  log_.total = shard_.loop().now() - started_;
  if (reason != Reason::none) log_.reason = to_string(reason);
  shard_.log(log_);
}

}  // namespace sluice::proxy
