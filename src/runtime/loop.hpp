#pragma once

#include <liburing.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "base/random.hpp"
#include "runtime/activity.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/strand.hpp"
#include "runtime/task.hpp"
#include "runtime/wheel.hpp"

namespace sluice::runtime {

// What: something whose address the kernel holds as user_data.
// Shard: one loop's.
// Lifetime: must not be destroyed while in_flight().
// Invariants: in flight from Loop::start until the final completion and, if it was cancelled, the cancel's own
// completion:
//             pools hand the same address out again, and a late cancel would hit a stranger.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  [[nodiscard]] bool in_flight() const { return pending_ != 0; }
  [[nodiscard]] bool is_cancelling() const { return (pending_ & cancel_pending) != 0; }

 protected:
  ~Operation() { SLUICE_ASSERT(pending_ == 0); }
  // One completion. in_flight() tells whether another will come. flags: those of the CQE.
  virtual void on_completion(int result, unsigned flags) = 0;
  // The cancel's own completion came behind the final one: now nothing is in flight any more.
  virtual void on_joined() = 0;

 private:
  friend class Loop;
  static constexpr std::uint8_t result_pending = 1;
  static constexpr std::uint8_t cancel_pending = 2;
  std::uint8_t pending_ = 0;
  ListHook unsent_cancel_hook_;
};

struct LoopSettings {
  unsigned submission_entries = 1024;   // a power of two
  unsigned completion_entries = 16384;  // a power of two
  std::size_t mailbox_entries = 1024;   // a power of two
  unsigned index = 0;                   // which shard this is
  // How long a wait goes on for further completions; 0: until the first. No effect where kernel::can_batch() says no.
  Duration batch_wait{0};
};

struct LoopCounters {
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> completions{0};
  std::atomic<std::uint64_t> submission_shortages{0};  // no SQE even after a submit
  std::atomic<std::uint64_t> busy_ns{0};               // time outside the wait
};

// What: a shard's event loop: one ring, the timers, the ready queue, the mailbox, the roots.
// Shard: made, run and destroyed on one thread; post() and wake() from any.
// Lifetime: outlives everything that runs on it; empty (no roots, nothing in flight) when destroyed.
// Invariants: a completion resumes its waiter at once; wake-ups between coroutines go through the ready queue.
class Loop final : private Branch::Owner {
 public:
  // Errors: what io_uring_setup and eventfd can say; nothing is left behind.
  [[nodiscard]] static Result<std::unique_ptr<Loop>> open(const LoopSettings& settings);
  ~Loop();

  [[nodiscard]] unsigned index() const { return settings_.index; }
  [[nodiscard]] Instant now() const { return now_; }  // read once per turn
  // Which turn this is; never the same twice.
  [[nodiscard]] std::uint64_t turn_number() const { return counters_.turns.load(std::memory_order_relaxed); }
  [[nodiscard]] Wheel& wheel() { return wheel_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] io_uring& ring() { return ring_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  [[nodiscard]] const LoopCounters& counters() const { return counters_; }

  // Roots. Only the shard starts them.
  void spawn(const char* kind, Task<void> task) { Branch::start(*this, *this, kind, std::move(task)); }
  void cancel_roots() { cancel_all(); }
  [[nodiscard]] std::size_t roots() const { return size(); }
  template <class Visitor>
  void for_each_root(Visitor&& visit) const {
    for_each(visit);
  }

  // One turn: runs what is ready, submits, waits (at most until `limit`, not at all while something is ready),
  // dispatches.
  void turn(Instant limit);
  // Turns until stop() was called and every root, operation and call has ended.
  void run();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool is_stopping() const { return stopping_; }
  [[nodiscard]] bool is_idle() const;

  // Wakes a waiting loop. Any thread.
  void wake();

  // An SQE, or null when the submission queue is full and the kernel takes nothing off it.
  [[nodiscard]] io_uring_sqe* next_sqe();
  // Hands a prepared SQE over as `operation`.
  void start(Operation& operation, io_uring_sqe* sqe);
  // The operation just started completes while it is submitted, and nothing hurries on when it has: the wait of this
  // turn is for news behind it, instead of returning at once with its completion, which would cost a second system
  // call.
  void expect_at_once() { ++expected_at_once_; }
  // Asks the kernel to cancel. No effect on one that is not in flight, or already being cancelled. Never fails: without
  // a free SQE it is asked again next turn.
  void cancel(Operation& operation);
  [[nodiscard]] std::size_t operations_in_flight() const { return operations_in_flight_; }

  // What runs once at the end of each turn, on the shard.
  class TurnEnd {
   public:
    virtual void on_turn_end() = 0;

   protected:
    ~TurnEnd() = default;

   private:
    friend class Loop;
    ListHook turn_end_hook_;
  };
  void add_turn_end(TurnEnd& observer) { turn_ends_.push_back(observer); }
  void remove_turn_end(TurnEnd& observer) { observer.turn_end_hook_.unlink(); }

  // What it is doing now. Any thread.
  [[nodiscard]] const Activity& activity() const { return activity_; }
  // What: tells the activity which strand runs, for as long as it lives.
  class Running {
   public:
    explicit Running(const Strand& strand)
        : activity_(strand.loop().activity_),
          kind_(activity_.kind.load(std::memory_order_relaxed)),
          phase_(activity_.phase.load(std::memory_order_relaxed)) {
      activity_.kind.store(strand.kind(), std::memory_order_relaxed);
      activity_.phase.store(strand.phase(), std::memory_order_relaxed);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      activity_.kind.store(kind_, std::memory_order_relaxed);
      activity_.phase.store(phase_, std::memory_order_relaxed);
    }

   private:
    Activity& activity_;
    const char* kind_;
    const char* phase_;
  };

 private:
  friend class Suspension;
  friend class Strand;
  class Wakeup;

  explicit Loop(const LoopSettings& settings);
  void on_branch_ended() override {}
  void run_ready();
  void submit_cancels();
  [[nodiscard]] bool submit_cancel(Operation& operation);
  void enter(Instant limit);
  [[nodiscard]] int wait_for_completions(Duration timeout);
  void set_stage(const char* stage) { activity_.stage.store(stage, std::memory_order_relaxed); }
  void dispatch();
  void read_clock();

  LoopSettings settings_;
  io_uring ring_{};
  bool ring_open_ = false;
  bool stopping_ = false;
  Instant now_;
  Wheel wheel_;
  Random random_;
  List<Suspension, &Suspension::ready_hook_> ready_;
  List<Operation, &Operation::unsent_cancel_hook_> unsent_cancels_;
  List<TurnEnd, &TurnEnd::turn_end_hook_> turn_ends_;
  std::size_t operations_in_flight_ = 0;
  unsigned expected_at_once_ = 0;  // completions that submitting brings
  LoopCounters counters_;
  Activity activity_;
  Mailbox mailbox_;
  std::unique_ptr<Wakeup> wakeup_;
  alignas(64) std::atomic<bool> sleeping_{false};
};

inline void Suspension::resume() {
  Loop::Running running(*strand_);
  strand_->waiting_ = nullptr;
  handle_.resume();
}

inline void Strand::set_phase(const char* phase) {
  phase_ = phase;
  loop_.activity_.phase.store(phase, std::memory_order_relaxed);
}

inline void Suspension::make_ready() {
  if (!ready_hook_.is_linked()) strand_->loop().ready_.push_back(*this);
}

}  // namespace sluice::runtime
