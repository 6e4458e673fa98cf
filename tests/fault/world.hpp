#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "descriptors.hpp"
#include "faults.hpp"
#include "peer.hpp"
#include "sockets.hpp"

namespace sluice::fault {

class Ring;

// What: what a test does whenever the shards have nothing to do.
class IdleScript {
 public:
  using List = std::vector<IdleScript*>;
  IdleScript(List& list, std::function<bool()> callback) : list_(list), callback_(std::move(callback)) {
    list_.push_back(this);
  }
  IdleScript(const IdleScript&) = delete;
  IdleScript& operator=(const IdleScript&) = delete;
  ~IdleScript() { std::erase(list_, this); }

  [[nodiscard]] bool run() const { return callback_(); }

 private:
  List& list_;
  std::function<bool()> callback_;
};

// What: one simulated kernel, with its clock, network, descriptors and rings, for one run of one scenario. While it
// lives it
//   is what the functions of runtime/kernel.hpp talk to.
// Shard: one thread; several shards are simulated by turning their loops one after the other. ring_enter on a ring that
//   has nothing to do gives the others their turn by returning -EINTR; only when no ring has, time passes.
// Lifetime: on the stack of a test, outliving every peer, shard and buffer in it.
// Invariants: the same seed, plan and scenario give the same sequence of events.
class World {
 public:
  explicit World(std::uint64_t seed, FaultPlan plan = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  [[nodiscard]] static World& current();

  // --- for scenarios -------------------------------------------------------------------------------------------------

  // The callback is called when a ring_enter would wait; it returns whether it did something. Time passes only when
  // none did. It stays until what on_idle returned ends: declare that behind everything that the callback uses.
  [[nodiscard]] IdleScript on_idle(std::function<bool()> callback) { return {idle_scripts_, std::move(callback)}; }
  // Runs the action once so much time has passed, if the world still lives then.
  void after(Duration delay, std::function<void()> action);

  // A scripted client; not connected (see Peer) when nobody listens there or the listener's queue is full.
  [[nodiscard]] Peer connect(const Address& address);
  // A scripted server.
  [[nodiscard]] PeerListener listen(const Address& address, int backlog = 128);

  // A broken promise: the run has failed. The first one is kept.
  void fail(std::string what);
  void expect(bool holds, std::string_view what);
  void expect_zero(std::string_view counter, std::uint64_t count);
  [[nodiscard]] const std::string& failure() const { return failure_; }

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] Random& random() { return scenario_random_; }
  [[nodiscard]] Instant now() const { return now_; }

  // Counters: all zero when everything was released.
  [[nodiscard]] int open_descriptors() const { return descriptors_.open_count(); }
  [[nodiscard]] std::size_t operations_in_flight() const;
  [[nodiscard]] std::size_t pending_bytes() const { return descriptors_.pending_bytes(); }
  [[nodiscard]] std::string describe_descriptors() const { return descriptors_.describe(); }

  // What happened, for the enumeration and for replays.
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] const std::vector<PlannedFault>& injected() const { return injected_; }
  [[nodiscard]] std::uint64_t enters() const { return enters_; }
  void record_events() { records_ = true; }
  // Called before the process dies of a deadlock or a livelock.
  void on_fatal(std::function<void(std::string_view)> callback) { on_fatal_ = std::move(callback); }
  [[noreturn]] void fatal(std::string_view what);

  // Closing a descriptor with an operation in flight on it, completing to poisoned user_data, or using a closed
  // descriptor fails the run unless switched off.
  bool checks_lifetimes = true;

  // --- for the kernel functions
  // ---------------------------------------------------------------------------------------

  [[nodiscard]] const FaultPlan& plan() const { return plan_; }
  [[nodiscard]] Descriptors& descriptors() { return descriptors_; }
  [[nodiscard]] const std::shared_ptr<Network>& network() const { return network_; }
  [[nodiscard]] Random& kernel_random() { return kernel_random_; }

  // Counts an event and says what goes wrong with it.
  [[nodiscard]] std::optional<Fault> event(Call call, Stage stage, const Circumstance& circumstance = {});

  // The object behind a descriptor; null and a failure of the run when there is none. T: File or a class derived from
  // it.
  template <class T = File>
  [[nodiscard]] std::shared_ptr<T> file(int fd, std::string_view user) {
    std::shared_ptr<File> found = descriptors_.find(fd);
    if (found == nullptr && checks_lifetimes) fail(std::string(user) + " on a closed descriptor " + std::to_string(fd));
    return std::dynamic_pointer_cast<T>(found);
  }
  [[nodiscard]] int close_descriptor(int fd);

  void add_ring(Ring& ring) { rings_.push_back(&ring); }
  void remove_ring(Ring& ring) { std::erase(rings_, &ring); }
  void count_enter();
  void tick() { now_ = now_ + std::chrono::microseconds(1); }
  // Runs what is due and lets the peers act; returns whether any did.
  bool run_idle();
  // True when another ring should have its turn before `waiting` may let time pass.
  [[nodiscard]] bool should_yield(Ring& waiting);
  // Lets time pass until something happens, at most until `limit`. Dies of a deadlock when nothing ever will.
  void pass_time(Instant limit);
  void note_progress() { ++progress_; }

 private:
  struct Action {
    Instant at;
    std::function<void()> run;
  };

  [[nodiscard]] std::optional<Fault> choose(std::uint64_t index, const std::vector<Fault>& possible);
  [[nodiscard]] Instant next_event() const;
  bool run_due_actions();

  std::uint64_t seed_;
  FaultPlan plan_;
  Random scenario_random_;
  Random kernel_random_;
  Random fault_random_;
  World* previous_;
  Instant now_ = Instant::from_ns(1'000'000'000'000);
  std::shared_ptr<Network> network_;
  Descriptors descriptors_;
  std::vector<Ring*> rings_;
  IdleScript::List idle_scripts_;
  std::vector<Action> actions_;
  bool is_idle_running_ = false;
  std::uint64_t idle_runs_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t yields_ = 0;
  std::uint64_t yields_progress_ = 0;
  std::uint64_t enters_ = 0;
  std::uint64_t event_count_ = 0;
  unsigned random_faults_ = 0;
  bool records_ = false;
  std::vector<Event> events_;
  std::vector<PlannedFault> injected_;
  std::string failure_;
  std::function<void(std::string_view)> on_fatal_;
};

}  // namespace sluice::fault
