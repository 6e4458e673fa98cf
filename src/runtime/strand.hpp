#pragma once

#include <coroutine>

#include "base/assert.hpp"
#include "base/list.hpp"

namespace sluice::runtime {

class Loop;
class Strand;

// What: the one place where a strand waits: it lives in the waiting coroutine's frame from suspension to resumption.
// Shard: the strand's.
// Invariants: while suspended, strand().waiting_ is this.
class Suspension {
 public:
  Suspension() = default;
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;

  // The strand was cancelled: stop waiting. Must lead to a resumption, from the ready queue or once what is in flight
  // has been joined, but not before it returns.
  virtual void on_cancelled() = 0;

 protected:
  ~Suspension() = default;

  void suspend(std::coroutine_handle<> handle, Strand& strand);
  // Continues the coroutine now; `this` may be gone when it returns.
  void resume();
  // Takes suspend() back: the wait did not begin after all.
  void withdraw();
  // Continues it from the loop's ready queue: for wake-ups that come from another coroutine.
  void make_ready();
  [[nodiscard]] Strand& strand() const { return *strand_; }

 private:
  friend class Loop;
  std::coroutine_handle<> handle_;
  Strand* strand_ = nullptr;
  ListHook ready_hook_;
};

// What: one chain of awaits: a root or a child of a Scope, with everything that it awaits in turn. It waits in at most
// one
//       place at a time, so cancelling it means telling that place, and refusing every later one.
// Shard: one. Lifetime: in its first coroutine's frame.
// Invariants: once cancelled, always cancelled.
class Strand {
 public:
  explicit Strand(Loop& loop) : loop_(loop) {}
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  [[nodiscard]] Loop& loop() const { return loop_; }
  [[nodiscard]] bool is_cancelled() const { return cancelled_; }
  // Idempotent. Never resumes the strand before it returns, so whoever cancels may go on safely.
  void cancel();

  // What it is doing, for the admin socket and the watchdog: a string that lives as long as the program. Said by the
  // strand itself, while it runs.
  void set_phase(const char* phase);
  [[nodiscard]] const char* phase() const { return phase_; }
  // What it is there for, likewise.
  void set_kind(const char* kind) { kind_ = kind; }
  [[nodiscard]] const char* kind() const { return kind_; }

 private:
  friend class Suspension;
  Loop& loop_;
  Suspension* waiting_ = nullptr;
  const char* kind_ = "";
  const char* phase_ = "started";
  bool cancelled_ = false;
};

inline void Suspension::suspend(std::coroutine_handle<> handle, Strand& strand) {
  SLUICE_ASSERT(strand.waiting_ == nullptr);
  handle_ = handle;
  strand_ = &strand;
  strand.waiting_ = this;
}

inline void Suspension::withdraw() { strand_->waiting_ = nullptr; }

}  // namespace sluice::runtime
