#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/list.hpp"
#include "http/date.hpp"
#include "memory/block_pool.hpp"
#include "net/listener.hpp"
#include "net/pipe_pool.hpp"
#include "proxy/counters.hpp"
#include "proxy/downstream.hpp"
#include "proxy/log_ring.hpp"
#include "proxy/log_writer.hpp"
#include "proxy/settings.hpp"
#include "proxy/snapshot.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

struct AccessLogEntry;

// A listening socket of this shard, opened by the control thread.
struct ListenerSocket {
  std::string name;
  int fd = -1;
  metrics::Slot slot;
};

// What a shard is built from. Views and pointers outlive it.
struct ShardPlan {
  unsigned index = 0;
  ShardSettings settings;
  std::vector<ListenerSocket> listeners;
  std::vector<upstream::UpstreamSettings> upstreams;
  runtime::SnapshotNode<Snapshot>* first_snapshot = nullptr;
  std::function<void()> on_snapshot_released;
  LogWriter* log_writer = nullptr;  // null: no access log
  LogRing* log_ring = nullptr;
};

// What: everything that one core owns: loop, buffers, pipes, listeners, client connections, upstream pools, log lines.
// Shard: built, run and destroyed on its own thread, so that memory is touched first where it is used; begin_drain()
// and
//        cut_off() are posted to it.
// Lifetime: until run() has returned.
// Invariants: after run() every pool is whole again: the destructors assert it.
class Shard final : private runtime::Loop::TurnEnd {
 public:
  // Errors: what opening the ring and its buffers says. The plan's sockets belong to the shard from here on.
  [[nodiscard]] static Result<std::unique_ptr<Shard>> open(ShardPlan plan, ShardCounters& counters);
  ~Shard();

  // Serves until drained or cut off.
  void run();

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
  [[nodiscard]] upstream::Upstream& upstream(std::uint32_t index) { return *upstreams_[index]; }
  [[nodiscard]] ShardCounters& counters() { return counters_; }
  [[nodiscard]] const ShardSettings& settings() const { return plan_.settings; }
  [[nodiscard]] unsigned index() const { return plan_.index; }

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

  [[nodiscard]] bool is_logging() const { return plan_.log_ring != nullptr; }
  void log(const AccessLogEntry& entry);

  // Buffers that one connection may hold unread. A client that pipelines without reading gets fewer than an endpoint.
  static constexpr unsigned downstream_share_max = 4;
  static constexpr unsigned upstream_share_max = 8;

 private:
  class DrainTimer;
  class ListenerAcceptor;

  Shard(ShardPlan plan, ShardCounters& counters, std::unique_ptr<runtime::Loop> loop,
        std::unique_ptr<runtime::BufferRing> buffers);
  void on_turn_end() override;
  void accept(int fd, const ListenerSocket& listener);
  [[nodiscard]] runtime::Task<void> serve(int fd, const ListenerSocket* listener);
  [[nodiscard]] runtime::Task<void> close_listeners();
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
  std::vector<std::unique_ptr<upstream::Upstream>> upstreams_;
  std::vector<std::unique_ptr<ListenerAcceptor>> listeners_;
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
