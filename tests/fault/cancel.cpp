#include <algorithm>
#include <cerrno>
#include <utility>

#include "ring.hpp"
#include "world.hpp"

// IORING_OP_ASYNC_CANCEL, and the races that it can lose. By itself the cancel's completion comes at once and its
// target's ECANCELED with the next task work, as Linux does it for an operation that waits for its file.
namespace sluice::fault {

namespace {

constexpr Duration little = std::chrono::milliseconds(1);

bool matches(const io_uring_sqe& cancel, const Operation& operation) {
  if ((cancel.cancel_flags & IORING_ASYNC_CANCEL_ANY) != 0) return true;
  if ((cancel.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0)
    return operation.sqe.fd == cancel.fd && operation.file != nullptr;
  return operation.sqe.user_data == cancel.addr;
}

}  // namespace

void Ring::cancel(const io_uring_sqe& sqe) {
  constexpr unsigned known = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY;
  bool skips_success = (sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0;
  if ((sqe.cancel_flags & ~known) != 0) {
    post(sqe.user_data, -EINVAL, 0);
    return;
  }
  bool is_wide = (sqe.cancel_flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY)) != 0;
  int count = 0;
  for (Operation& operation : operations_) {
    if (operation.is_over || !matches(sqe, operation)) continue;
    if (!is_wide) {
      cancel_target(sqe, operation);
      std::erase_if(operations_, [](const Operation& each) { return each.is_over; });
      return;
    }
    operation.is_cancelled = true;
    operation.not_before = Instant();
    ++count;
  }
  int result = is_wide ? count : -ENOENT;
  if (result < 0 || !skips_success) post(sqe.user_data, result, 0);
}

void Ring::cancel_target(const io_uring_sqe& sqe, Operation& target) {
  auto answer = [&](int result) {
    if (result < 0 || (sqe.flags & IOSQE_CQE_SKIP_SUCCESS) == 0) post(sqe.user_data, result, 0);
  };
  if (target.is_held) {
    // It is done, and its completion on the way: now it comes, and is the last one.
    target.is_cancelled = true;
    target.not_before = Instant();
    target.shot = FaultKind::last_shot;
    return answer(-EALREADY);
  }
  auto fault = world_.event(Call::op_cancel, Stage::cancel);
  FaultKind kind = fault ? fault->kind : FaultKind::fail;
  if (kind == FaultKind::lost_found || kind == FaultKind::lost_running) {
    if (kind == FaultKind::lost_running) {
      answer(-EALREADY);
      if (!race(target)) give_up(target, -ECANCELED);
      return;
    }
    if (race(target)) return answer(-ENOENT);
    kind = FaultKind::target_first;  // nothing came to win the race with
  }
  target.is_cancelled = true;
  target.not_before = Instant();
  switch (kind) {
    case FaultKind::target_first:
      advance(target);
      return answer(0);
    case FaultKind::target_late:
      target.not_before = world_.now() + little;
      return answer(0);
    case FaultKind::cancel_late:
      advance(target);
      return delay(sqe.user_data, 0);
    default:
      return answer(0);
  }
}

// Lets the peers act and the target complete by itself; false when it does not.
bool Ring::race(Operation& target) {
  if (target.is_cancelled) return false;
  target.not_before = Instant();
  target.is_decided = true;  // no second fault on top
  if (!is_ready(target)) world_.run_idle();
  if (!is_ready(target)) return false;
  // A multishot operation that was cancelled while it ran ends with what it just received.
  target.shot = FaultKind::last_shot;
  perform(target);
  return target.is_over;
}

void Ring::delay(std::uint64_t user_data, int result) {
  delayed_.push_back({world_.now() + little, user_data, result});
}

}  // namespace sluice::fault
