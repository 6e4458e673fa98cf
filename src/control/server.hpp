#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/listeners.hpp"
#include "control/meter_directory.hpp"
#include "control/overseer.hpp"
#include "control/reload.hpp"
#include "control/shard_view.hpp"
#include "control/worker.hpp"
#include "proxy/census.hpp"
#include "proxy/configuration.hpp"
#include "proxy/log_writer.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::control {

// What: a configuration that this host can run.
struct Prepared {
  proxy::Configuration configuration;
  std::uint32_t max_connections_default = 0;  // clients for each shard where the configuration does not say
};

// Reads the file again. On failure one line for each mistake.
using Loader = std::function<std::expected<Prepared, std::vector<std::string>>()>;

// What: the running whole: the shards' threads, the log's thread, the published snapshot.
// Shard: the control thread alone.
// Lifetime: start() once; join() before it is destroyed.
// Invariants: shards' loops stay alive until every shard has finished, so that posting to one is always safe. At most
//             one reload is under way; what comes meanwhile is one more.
class Server {
 public:
  Server(Prepared prepared, Loader load);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens sockets and log, starts the shards, waits until each is serving. On failure one sentence, and nothing is
  // left.
  [[nodiscard]] std::expected<void, std::string> start();
  // Reads the file again and goes on by it; where that cannot be, nothing changes. Says on standard error what came of
  // it. When one is under way, it follows behind.
  void reload();
  // Lets exchanges finish, for at most `timeouts.drain`.
  void drain();
  // Ends everything now.
  void cut_off();
  void reopen_log();
  // A descriptor that becomes readable when a shard has finished, let go of a snapshot or taken a reload over.
  [[nodiscard]] int event() const { return event_; }
  // To be called when event() is readable; true once every shard has finished.
  [[nodiscard]] bool handle_event();
  // Waits for the threads; true when no exchange was broken off.
  bool join();

  [[nodiscard]] const std::vector<OpenListener>& listeners() const { return listeners_; }
  [[nodiscard]] unsigned shards() const { return static_cast<unsigned>(workers_.size()); }
  // What the admin socket shows.
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  // What is running, as the file said it.
  [[nodiscard]] const proxy::Configuration& configuration() const { return configuration_; }
  [[nodiscard]] const MeterDirectory& meters() const { return meters_; }
  [[nodiscard]] std::vector<ShardView> shard_views() const;
  // Of the snapshots in memory, oldest first; the last is in effect.
  [[nodiscard]] std::vector<std::uint64_t> snapshot_generations() const { return snapshots_->generations(); }
  // Has a shard fill in a census; false where it cannot be asked. The census outlives the shard's thread, or is
  // answered.
  [[nodiscard]] bool ask(unsigned shard, proxy::Census& census);
  [[nodiscard]] ReloadStatus reload_status() const;
  // One line for each shard: what it has done.
  [[nodiscard]] std::vector<std::string> summary() const;

 private:
  // What a reload has made and nobody has yet.
  struct Made {
    proxy::Configuration configuration;
    ListenerDiff listeners;
    std::vector<NewListener> added;
    std::vector<proxy::ListenerUpdate> updated;
    std::unique_ptr<proxy::LogWriter> log;  // null: none, or the one that is there
    std::vector<proxy::LogTarget> targets;  // one for each shard
    bool changes_log = false;
    std::uint32_t max_connections_default = 0;
  };
  using Words = std::vector<std::string>;

  // Start (server.cpp).
  [[nodiscard]] std::expected<void, std::string> open_first_sockets();
  [[nodiscard]] std::expected<void, std::string> open_first_log();
  [[nodiscard]] std::expected<void, std::string> start_overseer();
  void remove_socket_files();
  [[nodiscard]] proxy::ShardPlan plan_for(Worker& worker);
  void run_worker(Worker& worker, proxy::ShardPlan plan);
  void post(void (*run)(runtime::Loop&, std::uintptr_t, std::uintptr_t), std::uintptr_t argument);
  void signal() const;
  // Reload (server_reload.cpp).
  void begin_reload();
  [[nodiscard]] std::expected<Made, Words> make(Prepared prepared);
  [[nodiscard]] std::expected<Made, Words> make_parts(Prepared prepared);
  // is_in_vain: nothing will come of it; whether it could be done is told all the same.
  [[nodiscard]] std::expected<void, std::string> make_log(Made& made, bool is_in_vain);
  void publish(Made made);
  [[nodiscard]] std::string words_of(const Made& made) const;
  void hand_over(Worker& worker, std::unique_ptr<proxy::ShardChange> change);
  void refuse(const Words& words);
  void end_reload();
  void end_log_change();

  proxy::Configuration configuration_;
  std::uint32_t max_connections_default_;
  MeterDirectory meters_;
  Loader load_;
  std::size_t block_bytes_ = 0;  // of the shards' blocks
  std::unique_ptr<proxy::SnapshotPublisher> snapshots_;
  std::unique_ptr<proxy::LogWriter> log_;
  std::unique_ptr<proxy::LogWriter> old_log_;  // until no shard writes to it any more
  std::vector<std::unique_ptr<Worker>> workers_;
  Overseer overseer_;
  std::vector<OpenListener> listeners_;
  std::uint32_t listeners_made_ = 0;
  int event_ = -1;
  std::uint64_t log_lines_lost_ = 0;
  std::atomic<bool> may_end_{false};

  ReloadStatus status_;
  std::string words_under_way_;
  bool is_reload_wanted_ = false;  // behind the one that is under way
  bool is_draining_ = false;
};

// Whether the log could be opened, changing nothing.
[[nodiscard]] std::expected<void, std::string> check_log(const proxy::LogSettings& settings);
// Opens the log for so many shards. The writer's thread holds until begin(). Null: no log is wanted.
[[nodiscard]] std::expected<std::unique_ptr<proxy::LogWriter>, std::string> open_log(
    const proxy::LogSettings& settings, std::size_t shards, std::vector<proxy::LogTarget>& targets);

}  // namespace sluice::control
