#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "control/meter_directory.hpp"
#include "control/shard_view.hpp"
#include "proxy/census.hpp"
#include "proxy/configuration.hpp"
#include "proxy/log_writer.hpp"
#include "proxy/shard.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::control {

// What: the running whole: the shards' threads, the log's thread, the published snapshot.
// Shard: the control thread alone.
// Lifetime: start() once; join() before it is destroyed.
// Invariants: shards' loops stay alive until every shard has finished, so that posting to one is always safe.
class Server {
 public:
  // max_connections_default: clients for each shard where the configuration does not say.
  Server(proxy::Configuration configuration, std::uint32_t max_connections_default);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens sockets and log, starts the shards, waits until each is serving. On failure one sentence, and nothing is
  // left.
  [[nodiscard]] std::expected<void, std::string> start();
  // Lets exchanges finish, for at most `timeouts.drain`.
  void drain();
  // Ends everything now.
  void cut_off();
  void reopen_log();
  // A descriptor that becomes readable when a shard has finished or let go of a snapshot.
  [[nodiscard]] int event() const { return event_; }
  // To be called when event() is readable; true once every shard has finished.
  [[nodiscard]] bool handle_event();
  // Waits for the threads; true when no exchange was broken off.
  bool join();

  // "127.0.0.1:8080" for each listener, as bound.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }
  [[nodiscard]] unsigned shards() const { return static_cast<unsigned>(workers_.size()); }
  // What the admin socket shows.
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  [[nodiscard]] const proxy::Configuration& configuration() const { return configuration_; }
  [[nodiscard]] const MeterDirectory& meters() const { return meters_; }
  [[nodiscard]] std::vector<ShardView> shard_views() const;
  // Of the snapshots in memory, oldest first; the last is in effect.
  [[nodiscard]] std::vector<std::uint64_t> snapshot_generations() const { return snapshots_->generations(); }
  // Has a shard fill in a census; false where it cannot be asked. The census outlives the shard's thread, or is
  // answered.
  [[nodiscard]] bool ask(unsigned shard, proxy::Census& census);
  // One line for each shard: what it has done.
  [[nodiscard]] std::vector<std::string> summary() const;

 private:
  struct Worker;
  [[nodiscard]] std::expected<void, std::string> open_sockets();
  [[nodiscard]] std::expected<void, std::string> open_log();
  [[nodiscard]] proxy::ShardPlan plan_for(Worker& worker);
  void run_worker(Worker& worker, proxy::ShardPlan plan, int cpu);
  void post(void (*run)(runtime::Loop&, std::uintptr_t, std::uintptr_t), std::uintptr_t argument);
  void signal() const;

  proxy::Configuration configuration_;
  std::uint32_t max_connections_default_;
  MeterDirectory meters_;
  std::unique_ptr<proxy::SnapshotPublisher> snapshots_;
  std::unique_ptr<proxy::LogWriter> log_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::string> addresses_;
  int event_ = -1;
  std::uint64_t log_lines_lost_ = 0;
  std::atomic<bool> may_end_{false};
  bool is_draining_ = false;
};

}  // namespace sluice::control
