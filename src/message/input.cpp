#include "message/input.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace sluice::message {

using runtime::Task;

void Input::consume(std::size_t count) {
  SLUICE_ASSERT(count <= bytes().size());
  if (gathered_end_ != gathered_begin_) {
    gathered_begin_ += count;
  } else {
    slice_.consume(count);
  }
}

std::size_t Input::discard() {
  std::size_t dropped = 0;
  while (!is_empty() || take_received()) {
    dropped += bytes().size();
    consume(bytes().size());
  }
  release();
  return dropped;
}

void Input::release() {
  if (gathered_begin_ == gathered_end_) {
    gather_.reset();
    gathered_begin_ = gathered_end_ = 0;
  }
  if (slice_.is_empty()) slice_.reset();
}

bool Input::take_received() {
  SLUICE_ASSERT(is_empty());
  release();
  std::optional<runtime::Slice> next = stream_.try_read();
  if (!next) return false;
  slice_ = std::move(*next);
  return true;
}

Task<Result<bool>> Input::fill(Instant deadline) {
  SLUICE_ASSERT(is_empty());
  release();
  Result<runtime::Slice> next = co_await stream_.read(deadline);
  if (!next) co_return std::unexpected(next.error());
  slice_ = std::move(*next);
  co_return !slice_.is_empty();
}

Result<void> Input::begin_gathering() {
  if (gather_) {
    // The rest of an earlier gathering: move it to the front.
    std::memmove(gather_.data(), gather_.data() + gathered_begin_, gathered_end_ - gathered_begin_);
    gathered_end_ -= gathered_begin_;
    gathered_begin_ = 0;
    return {};
  }
  gather_ = blocks_.take();
  if (!gather_) return failure(ErrorCode::exhausted);
  append_slice();
  return {};
}

std::size_t Input::append_slice() {
  std::size_t count = std::min(slice_.bytes().size(), gather_.span().size() - gathered_end_);
  std::memcpy(gather_.data() + gathered_end_, slice_.bytes().data(), count);
  gathered_end_ += count;
  slice_.consume(count);
  if (slice_.is_empty()) slice_.reset();
  return count;
}

Task<Result<bool>> Input::gather(Instant deadline) {
  if (Result<void> begun = begin_gathering(); !begun) co_return std::unexpected(begun.error());
  if (slice_.is_empty()) {
    Result<runtime::Slice> next = co_await stream_.read(deadline);
    if (!next) co_return std::unexpected(next.error());
    if (next->is_empty()) co_return false;
    slice_ = std::move(*next);
  }
  if (append_slice() == 0) co_return failure(ErrorCode::too_large);
  co_return true;
}

}  // namespace sluice::message
