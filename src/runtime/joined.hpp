#pragma once

#include <coroutine>
#include <utility>

#include "base/assert.hpp"
#include "runtime/loop.hpp"
#include "runtime/strand.hpp"

namespace sluice::runtime {

// What: waits until an operation has no completion left to come. Not cancellable: closing always finishes.
// Shard: the operation's.
// Invariants: while it waits, the slot points to it; whoever sees the operation's last completion calls wake().
class Joined final : public Suspension {
 public:
  // slot: where the operation's owner finds who waits; null while nobody does.
  Joined(const Operation& operation, Joined*& slot) : operation_(operation), slot_(slot) {}
  bool await_ready() const noexcept { return !operation_.in_flight(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    SLUICE_ASSERT(slot_ == nullptr);
    suspend(handle, handle.promise().strand());
    slot_ = this;
  }
  void await_resume() const noexcept {}

  // Lets whoever waits in the slot go on, if anybody does.
  static bool wake(Joined*& slot) {
    if (slot == nullptr) return false;
    std::exchange(slot, nullptr)->make_ready();
    return true;
  }

 private:
  void on_cancelled() override {}
  const Operation& operation_;
  Joined*& slot_;
};

}  // namespace sluice::runtime
