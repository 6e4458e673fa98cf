#include "runtime/task.hpp"

#include <type_traits>

#include "runtime/loop.hpp"

namespace sluice::runtime {

Branch Branch::run(Loop& /*loop*/, Task<void> task) { co_await std::move(task); }

void Branch::start(Owner& owner, Loop& loop, const char* kind, Task<void> task) {
  Branch branch = run(loop, std::move(task));
  promise_type& promise = branch.frame_.promise();
  promise.owner_ = &owner;
  promise.strand_.set_kind(kind);
  owner.branches_.push_back(promise);
  ++owner.size_;
  Loop::Running running(promise.strand_);
  branch.frame_.resume();
}

void Branch::promise_type::finish(std::coroutine_handle<promise_type> frame) noexcept {
  Owner& owner = *owner_;
  hook_.unlink();
  --owner.size_;
  frame.destroy();
  owner.on_branch_ended();
}

void Branch::Owner::cancel_all() {
  // A cancelled branch may end at once and take itself off the list, or start another one behind it: walk a list of our
  // own.
  List<promise_type, &promise_type::hook_> rest;
  rest.splice_back(branches_);
  while (promise_type* branch = rest.pop_front()) {
    branches_.push_back(*branch);
    branch->strand().cancel();
  }
}

}  // namespace sluice::runtime
