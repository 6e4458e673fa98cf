#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/list.hpp"
#include "http/date.hpp"
#include "memory/block_pool.hpp"
#include "net/address.hpp"
#include "net/pipe_pool.hpp"
#include "proxy/client_table.hpp"
#include "proxy/counters.hpp"
#include "proxy/downstream.hpp"
#include "proxy/remnant.hpp"
#include "proxy/settings.hpp"
#include "proxy/shard_change.hpp"
#include "proxy/shard_listener.hpp"
#include "proxy/shard_settings.hpp"
#include "proxy/snapshot.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop.hpp"
#include "upstream/upstream_set.hpp"

namespace sluice::proxy {

struct AccessLogEntry;

// What a shard is built from. Views and pointers outlive it.
struct ShardPlan {
  unsigned index = 0;
  ShardSettings settings;
  std::vector<ListenerSocket> listeners;
  runtime::SnapshotNode<Snapshot>* first_snapshot = nullptr;
  std::function<void()> on_snapshot_released;
  LogTarget log;
};

// What: everything that one core owns: loop, buffers, pipes, listeners, client connections, upstream pools, log lines.
// Shard: built, run and destroyed on its own thread, so that memory is touched first where it is used; apply(),
//        begin_drain() and cut_off() are posted to it.
// Lifetime: until run() has returned.
// Invariants: after run() every pool is whole again: the destructors assert it.
class Shard final : private runtime::Loop::TurnEnd {
 public:
  // Errors: what opening the ring and its buffers says. The plan's sockets belong to the shard from here on.
  [[nodiscard]] static Result<std::unique_ptr<Shard>> open(ShardPlan plan, ShardCounters& counters);
  ~Shard();

  // Serves until drained or cut off.
  void run();

  // Takes a reload over: the newest snapshot, and what else has changed. On the shard's thread.
  void apply(ShardChange& change);

  // Accepts no more, closes what is idle, lets exchanges finish until `timeout` has passed. On the shard's thread.
  void begin_drain(Duration timeout);
  // Cancels everything. On the shard's thread.
  void cut_off();
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  // Connections were cut off before they had finished.
  [[nodiscard]] bool has_broken_off() const { return has_broken_off_; }

  [[nodiscard]] runtime::Loop& loop() { return *loop_; }
  [[nodiscard]] runtime::BufferRing& buffers() { return *buffers_; }
  // Heads that arrive in parts are gathered in one pool and everything goes out of the other, so that clients who send
  // slowly cannot take the room to answer everybody else.
  [[nodiscard]] memory::BlockPool& gather_blocks() { return gather_blocks_; }
  [[nodiscard]] memory::BlockPool& send_blocks() { return send_blocks_; }
  [[nodiscard]] net::PipePool& pipes() { return pipes_; }
  [[nodiscard]] SnapshotReader& snapshots() { return snapshots_; }
  [[nodiscard]] upstream::UpstreamSet& upstreams() { return upstreams_; }
  [[nodiscard]] RemnantSet& remnants() { return remnants_; }
  [[nodiscard]] ShardCounters& counters() { return counters_; }
  [[nodiscard]] const ShardSettings& settings() const { return plan_.settings; }
  [[nodiscard]] unsigned index() const { return plan_.index; }

  // A connection that `listener` has accepted.
  void accept(int fd, ShardListener& listener);
  void note_unused_listener() { has_unused_listener_ = true; }

  // The wall clock, read at most once per loop turn.
  [[nodiscard]] std::int64_t unix_ms();
  [[nodiscard]] std::string_view date() { return date_.at(unix_ms() / 1000); }

  // visit(connection) from the oldest on, until it returns false.
  template <class Visitor>
  void for_each_connection(Visitor&& visit) {
    for (Downstream* connection = connections_.front(); connection != nullptr && visit(*connection);) {
      connection = connections_.next(*connection);
    }
  }
  [[nodiscard]] std::uint64_t next_connection_id() { return ++connection_ids_; }

  [[nodiscard]] bool is_logging() const { return log_.ring != nullptr; }
  void log(const AccessLogEntry& entry);

  // Size of a block that takes a head of the largest size and what we add to it. Fixed when the shard is made.
  [[nodiscard]] static std::size_t block_bytes(const LimitSettings& limits);
  // The largest head that such a block takes.
  [[nodiscard]] static std::size_t head_bytes_in(std::size_t block_bytes);

  // Buffers that one connection may hold unread. A client that pipelines without reading gets fewer than an endpoint.
  static constexpr unsigned downstream_share_max = 4;
  static constexpr unsigned upstream_share_max = 8;

 private:
  class DrainTimer;

  Shard(ShardPlan plan, ShardCounters& counters, std::unique_ptr<runtime::Loop> loop,
        std::unique_ptr<runtime::BufferRing> buffers);
  void on_turn_end() override;
  [[nodiscard]] runtime::Task<void> serve(int fd, net::Address client, ClientTable::Ticket place,
                                          ShardListener* listener);
  [[nodiscard]] runtime::Task<void> serve_announced(int fd, net::Address peer, ShardListener* listener);
  [[nodiscard]] std::optional<ClientTable::Ticket> admit(const net::Address& client, metrics::Slot listener);
  [[nodiscard]] runtime::Task<void> close_listeners();
  [[nodiscard]] runtime::Task<void> close_idle_connections();
  // Reload (shard_reload.cpp).
  void refresh();
  void update(const ListenerUpdate& update);
  [[nodiscard]] std::vector<ShardListener*> remove(const std::vector<std::uint32_t>& ids);
  [[nodiscard]] runtime::Task<void> close_removed(ShardChange* change, std::vector<ShardListener*> listeners);
  void free_unused_listeners();
  [[nodiscard]] bool close_idle(bool also_new);
  [[nodiscard]] bool is_finished() const;

  ShardPlan plan_;
  ShardCounters& counters_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<runtime::BufferRing> buffers_;
  memory::BlockPool gather_blocks_;
  memory::BlockPool send_blocks_;
  net::PipePool pipes_;
  SnapshotReader snapshots_;
  ClientTable clients_;
  upstream::UpstreamSet upstreams_;
  RemnantSet remnants_;
  LogTarget log_;
  std::vector<std::unique_ptr<ShardListener>> listeners_;
  std::vector<std::unique_ptr<ShardListener>> removed_listeners_;  // still in use
  bool has_unused_listener_ = false;
  List<Downstream, &Downstream::shard_hook> connections_;
  http::DateCache date_;
  std::unique_ptr<DrainTimer> drain_timer_;
  std::uint64_t connection_ids_ = 0;
  std::int64_t unix_ms_ = 0;
  Instant clock_read_at_;
  bool is_draining_ = false;
  bool is_cut_off_ = false;
  bool has_broken_off_ = false;
};

}  // namespace sluice::proxy
