#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/list.hpp"
#include "client.hpp"
#include "metrics/counter.hpp"
#include "plan.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop.hpp"
#include "schedule.hpp"
#include "server_cpu.hpp"
#include "tally.hpp"

namespace sluice::load {

// What the main thread may look at while the load runs.
struct alignas(64) Progress {
  metrics::Counter responses;
  metrics::Counter errors;
  metrics::Counter bytes_received;
};

// What: one thread: its loop, its share of the connections, and what came of them. It drives the loop turn by turn:
//       moments that the open loop fixed end the wait to the microsecond, where the timers of the loop count
//       milliseconds.
// Shard: made and joined by the main thread, as progress() and the results are read by it; the rest belongs to its own.
// Lifetime: start(), maybe interrupt(), join(), then the results.
// Invariants: a start is counted if it was due after the warm-up, and then comes to exactly one end.
class Worker {
 public:
  // on_end: called on the thread when it has ended. cpu: to pin the thread to; negative for none.
  Worker(const Plan& plan, unsigned index, int cpu, std::function<void()> on_end);

  // Main thread. What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> start();
  void interrupt();
  void join();  // once it has called on_end, or soon will
  [[nodiscard]] const Progress& progress() const { return progress_; }
  // After join().
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] Duration elapsed() const { return elapsed_; }
  [[nodiscard]] Duration cpu_time() const { return cpu_time_; }  // of the thread, from the end of the warm-up on
  // Of the server in the same time, as the first worker saw it; nothing if it is not wanted or not known.
  [[nodiscard]] std::optional<Duration> server_cpu_time() const { return server_cpu_time_; }

  // What its clients ask and say.
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] runtime::Loop& loop() { return *loop_; }
  [[nodiscard]] runtime::BufferRing& buffers() { return *buffers_; }
  [[nodiscard]] http::ResponseHead& head() { return head_; }
  // Where what nobody looks at may be written.
  [[nodiscard]] std::span<char> unused_bytes() { return unused_bytes_; }
  [[nodiscard]] bool is_interrupted() const { return is_interrupted_; }
  // Nothing is started any more.
  [[nodiscard]] bool is_over() const { return is_over_; }
  // Another start of this client's may come.
  [[nodiscard]] bool may_start(const Client& client) const;
  // The moment from which the start counts that the client is to make now; nothing when there is none.
  [[nodiscard]] std::optional<Instant> take_start(const Client& client, Instant now);
  void want_pump(Client& client) {
    if (!client.pump_hook_.is_linked()) to_pump_.push_back(client);
  }
  void note_prepared() { --unprepared_; }
  void note_connection();
  void note_response(const Start& start, const ResponseReader& response);
  void note_failure(const Start& start, ErrorKind kind);
  void note_abandoned(const Start& start);
  // Bytes that belong to no request.
  void note_stray();
  void note_bytes_sent(std::uint64_t bytes) {
    if (is_measuring_) tally_.bytes_sent += bytes;
  }
  void note_bytes_received(std::uint64_t bytes) {
    if (is_measuring_) tally_.bytes_received += bytes;
  }

 private:
  void run(const std::function<void(std::optional<std::string>)>& tell_start);
  [[nodiscard]] std::optional<std::string> open();
  void run_load();
  void close();
  [[nodiscard]] Instant next_moment() const;
  void begin(Instant now);
  void begin_measuring();
  void release_due(Instant now);
  void end_load(Instant now);
  [[nodiscard]] bool watches_server() const { return plan_.server != 0 && index_ == 0; }
  void pump_all();
  void wake_all();
  void publish();
  [[nodiscard]] bool is_counted(const Start& start) const { return start.due >= measured_from_; }
  [[nodiscard]] std::uint64_t share_of_requests() const;
  static void on_interrupt(runtime::Loop& loop, std::uintptr_t worker, std::uintptr_t unused);

  const Plan& plan_;
  unsigned index_;
  int cpu_;
  std::function<void()> on_end_;
  std::thread thread_;
  std::promise<void> may_close_;
  Progress progress_;
  Tally tally_;
  Duration elapsed_{0};
  Duration cpu_time_{0};
  std::optional<Duration> server_cpu_time_;

  std::unique_ptr<runtime::Loop> loop_;           // while the thread runs
  std::unique_ptr<runtime::BufferRing> buffers_;  // as loop_
  std::vector<std::unique_ptr<Client>> clients_;  // as loop_
  List<Client, &Client::pump_hook_> to_pump_;
  http::ResponseHead head_;  // where heads are parsed
  std::vector<char> unused_bytes_;

  Schedule schedule_;
  std::size_t unprepared_ = 0;  // clients that have not tried to connect ahead
  bool has_begun_ = false;
  bool is_measuring_ = false;
  bool is_over_ = false;
  bool is_interrupted_ = false;
  Instant begun_at_;
  Instant measured_from_ = Instant::never();
  Instant ends_at_ = Instant::never();
  Instant over_at_;
  Instant last_end_;  // of a counted start
  Duration cpu_before_{0};
  ServerCpu server_before_;
  std::uint64_t starts_left_ = 0;  // of those that are counted; UINT64_MAX without a limit
  std::uint64_t released_ = 0;     // open loop: starts of the schedule that were due
  Instant last_release_;           // open loop: when that was looked at
  Instant previous_release_;       // open loop: and when before
};

}  // namespace sluice::load
