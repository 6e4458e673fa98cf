#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "memory/pooled.hpp"
#include "message/tunnel.hpp"
#include "metrics/slot.hpp"
#include "proxy/access_log.hpp"
#include "proxy/downstream.hpp"
#include "proxy/pooled_text.hpp"
#include "proxy/reason.hpp"
#include "route/route.hpp"
#include "runtime/task.hpp"

namespace sluice::upstream {
class Connection;
}  // namespace sluice::upstream

namespace sluice::proxy {

class Shard;
struct ConnectionRow;

[[nodiscard]] message::TunnelSettings tunnel_settings(const Shard& shard, const route::Timeouts& timeouts);
// Why a tunnel was cut. is_cut_off: by the shard, at its end.
[[nodiscard]] Reason reason_of_tunnel(const Error& error, bool is_cut_off);

// What: what an exchange has become whose request and 101 changed the protocol (RFC 9110 §7.8): passes bytes both ways
//       until both sides have ended, and writes the exchange's line of the log.
// Shard: one.
// Lifetime: from the end of its exchange to the end of the client's connection. It holds no lease: texts and timeouts
// are
//           copies.
// Invariants: the endpoint's connection is its own until run() returns.
class Tunnel final : public memory::Pooled {
 public:
  // entry: as the exchange knows it. sent_before: bytes that the client was sent before this exchange.
  Tunnel(Shard& shard, Downstream& downstream, upstream::Connection& connection, const AccessLogEntry& entry,
         std::uint64_t sent_before, Instant started, const route::Route& route);

  [[nodiscard]] runtime::Task<Disposition> run();
  // What it is doing, for the admin socket.
  void describe(ConnectionRow& row, Instant now) const;

 private:
  void count(const Result<void>& outcome);
  [[nodiscard]] std::uint64_t bytes_up() const;
  [[nodiscard]] std::uint64_t bytes_down() const;

  Shard& shard_;
  Downstream& downstream_;
  upstream::Connection& connection_;
  AccessLogEntry log_;
  PooledText log_memory_;
  metrics::Slot route_slot_;
  Instant started_;
  std::uint64_t client_sent_before_;
  std::uint64_t head_bytes_;  // of the 101, which the exchange has counted
  std::uint64_t endpoint_sent_before_;
  message::Tunnel flows_;
};

}  // namespace sluice::proxy
