#pragma once

#include <coroutine>

#include "base/assert.hpp"
#include "runtime/loop.hpp"
#include "runtime/task.hpp"

namespace sluice::runtime {

// What: concurrency inside one coroutine: children that are joined before it goes on.
// Shard: that of the coroutine which owns it.
// Lifetime: a local of that coroutine. Destructors cannot await, so it ends by an awaited join(), which is asserted.
// Invariants: a cancelled scope stays cancelled; children spawned later start out cancelled. A cancel of the owner's
// strand
//             reaches the children while the owner waits in join().
class Scope final : private Branch::Owner {
 public:
  explicit Scope(Strand& owner) : owner_(owner) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { SLUICE_ASSERT(is_empty()); }

  // Runs the child until it first waits. kind: a name for listings that lives as long as the program.
  void spawn(const char* kind, Task<void> task) {
    Branch::start(*this, owner_.loop(), kind, std::move(task));
    if (cancelled_) cancel_all();
  }
  void cancel() {
    cancelled_ = true;
    cancel_all();
  }
  [[nodiscard]] bool has_children() const { return !is_empty(); }

  class Join final : public Suspension {
   public:
    explicit Join(Scope& scope) : scope_(scope) {}
    bool await_ready() const noexcept { return scope_.is_empty(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
      Strand& strand = handle.promise().strand();
      if (strand.is_cancelled()) scope_.cancel();
      if (scope_.is_empty()) return false;
      suspend(handle, strand);
      scope_.join_ = this;
      return true;
    }
    void await_resume() const noexcept {}

   private:
    friend class Scope;
    void on_cancelled() override { scope_.cancel(); }
    Scope& scope_;
  };
  // Waits for every child, whatever happens meanwhile.
  [[nodiscard]] Join join() { return Join(*this); }

 private:
  void on_branch_ended() override {
    if (!is_empty() || join_ == nullptr) return;
    std::exchange(join_, nullptr)->make_ready();
  }

  Strand& owner_;
  Join* join_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace sluice::runtime
