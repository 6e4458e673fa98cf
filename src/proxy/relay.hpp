#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "message/tunnel.hpp"
#include "proxy/downstream.hpp"
#include "proxy/meters.hpp"
#include "proxy/reason.hpp"
#include "route/settings.hpp"
#include "runtime/task.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

class Shard;
struct ConnectionRow;

// What: one connection of a TCP listener: finds an endpoint for it, passes bytes both ways until both sides have ended,
//       counts, and writes the log line.
// Shard: one. Lifetime: within Downstream::run(). Holds no snapshot.
// Invariants: nothing is received from the client before there is an endpoint; no upstream connection is ours when
//             run() has returned.
class Relay final {
 public:
  Relay(Shard& shard, Downstream& downstream);

  runtime::Task<Disposition> run();
  // What it is doing, for the admin socket.
  void describe(ConnectionRow& row, Instant now) const;

 private:
  runtime::Task<upstream::Connection*> connect();
  runtime::Task<Result<upstream::Connection*>> connect_to(upstream::Endpoint& endpoint);
  runtime::Task<Result<void>> pass_bytes(upstream::Connection& connection);
  void note_repetition();
  void note_unconnected(const Error& error);
  [[nodiscard]] Reason reason_of_cut(const Error& error) const;
  [[nodiscard]] UpstreamCells& upstream_cells() const;
  [[nodiscard]] std::uint64_t bytes_up() const;
  void count();
  void log();

  Shard& shard_;
  Downstream& downstream_;
  upstream::Use<upstream::Upstream> upstream_;
  upstream::Use<upstream::Endpoint> endpoint_;
  route::Timeouts timeouts_;
  Instant started_;
  std::int64_t unix_ms_;
  Duration connect_{-1};  // until there was a connection; negative: there was none
  unsigned attempts_ = 0;
  Reason reason_ = Reason::none;
  upstream::Connection* connection_ = nullptr;  // while there is one
  std::uint64_t sent_before_ = 0;               // to the endpoint, none of it the client's
  std::uint64_t bytes_up_ = 0;                  // valid when connection_ is gone
  std::optional<message::Tunnel> flows_;        // while bytes are passed
};

}  // namespace sluice::proxy
