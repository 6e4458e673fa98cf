#include "runtime/operation.hpp"

#include <cerrno>

namespace sluice::runtime {

io_uring_sqe* OperationWait::begin(Strand& strand) {
  loop_ = &strand.loop();
  if (strand.is_cancelled()) {
    result_ = -ECANCELED;
    return nullptr;
  }
  io_uring_sqe* sqe = loop_->next_sqe();
  if (sqe == nullptr) result_ = -EAGAIN;
  return sqe;
}

void OperationWait::wait(std::coroutine_handle<> handle, Strand& strand) {
  suspend(handle, strand);
  if (!deadline_.is_never()) loop_->wheel().arm(*this, deadline_);
}

void OperationWait::on_completion(int result, unsigned /*flags*/) {
  result_ = result;
  if (!in_flight()) finish();
}

void OperationWait::on_joined() { finish(); }

void OperationWait::finish() {
  if (is_armed()) loop_->wheel().disarm(*this);
  resume();
}

void OperationWait::on_deadline() {
  timed_out_ = true;
  loop_->cancel(*this);
}

void OperationWait::on_cancelled() { loop_->cancel(*this); }

Result<int> OperationWait::await_resume() noexcept {
  if (result_ >= 0) return result_;
  // A cancelled connect or poll may also end with EINTR.
  if (timed_out_ && (result_ == -ECANCELED || result_ == -EINTR)) return failure(ErrorCode::timed_out);
  return std::unexpected(error_from_errno(-result_));
}

}  // namespace sluice::runtime
