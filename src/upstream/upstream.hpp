#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "balance/round_robin.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "net/address.hpp"
#include "runtime/task.hpp"
#include "upstream/connection.hpp"
#include "upstream/meters.hpp"
#include "upstream/settings.hpp"

namespace sluice::upstream {

class Upstream;

// What the connections of one shard are made from.
struct Resources {
  runtime::Loop& loop;
  runtime::BufferRing& buffers;
  memory::BlockPool& gather_blocks;  // for heads that arrive in parts
  memory::BlockPool& send_blocks;    // for what goes out
  unsigned receive_share_max;        // buffers that one connection may hold unread
  EndpointMeters& meters;
};

// What: one address of an upstream, with the connections of this shard to it.
// Shard: one. Lifetime: its Upstream's; outlives its connections.
// Invariants: open() counts the idle ones, those in exchanges and those being closed.
class Endpoint {
 public:
  Endpoint(Upstream& upstream, const Resources& resources, const net::Address& address, std::string name,
           metrics::Slot slot)
      : upstream_(upstream), resources_(resources), address_(address), name_(std::move(name)), slot_(slot) {}
  ~Endpoint();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t open() const { return open_; }
  // Its counts; not to be kept.
  [[nodiscard]] EndpointCells& cells() const { return resources_.meters.at(slot_); }

  // The connection that was used last, if one is idle; it is the caller's then.
  [[nodiscard]] Connection* take_idle();
  // A new one. Errors: refused, unreachable, timed_out, exhausted (no descriptor), cancelled; `safe` to
  // retry elsewhere but for the last two.
  [[nodiscard]] runtime::Task<Result<Connection*>> connect(Duration timeout);
  // How the last responses were: after long ones, connections receive heads without receiving bodies into buffers.
  void note_response(bool was_spliced);
  // Gives a connection back whose exchange ended cleanly on both sides.
  void keep(Connection& connection);
  // Closes and frees a connection; joined when it returns.
  [[nodiscard]] runtime::Task<void> discard(Connection& connection);
  // Closes every idle connection, in the background.
  void evict_idle();

 private:
  friend class Connection;
  friend class Upstream;
  [[nodiscard]] net::Stream::ReceiveMode receive_mode() const;
  void evict(Connection& connection);
  [[nodiscard]] runtime::Task<void> close_evicted(Connection* connection);

  Upstream& upstream_;
  Resources resources_;
  net::Address address_;
  std::string name_;
  metrics::Slot slot_;
  List<Connection, &Connection::idle_hook_> idle_;
  std::size_t open_ = 0;
  unsigned long_responses_ = 0;  // 0 to 3: saturating count of long responses less short ones
};

// What: a named group of endpoints as one shard sees it.
// Shard: one. Lifetime: outlives every exchange that uses it.
// Invariants: idle_count() is at most the setting.
class Upstream {
 public:
  // settings: endpoints with canonical addresses. seed: sets the shards' turns apart.
  Upstream(const UpstreamSettings& settings, const Resources& resources, std::uint64_t seed);

  [[nodiscard]] const std::string& name() const { return name_; }
  // The next endpoint whose bit in `excluded` is not set (places from 64 on have none), or null.
  [[nodiscard]] Endpoint* pick(std::uint64_t excluded);
  [[nodiscard]] std::size_t index_of(const Endpoint& endpoint) const;
  [[nodiscard]] std::size_t size() const { return endpoints_.size(); }
  [[nodiscard]] const KeepAliveSettings& keep_alive() const { return keep_alive_; }
  [[nodiscard]] const std::string& congestion_control() const { return congestion_control_; }
  [[nodiscard]] std::size_t idle_count() const { return idle_count_; }
  void evict_idle();

 private:
  friend class Endpoint;
  std::string name_;
  KeepAliveSettings keep_alive_;
  std::string congestion_control_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  balance::WeightedRoundRobin turn_;
  std::size_t idle_count_ = 0;
};

}  // namespace sluice::upstream
