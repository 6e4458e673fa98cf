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

net::Stream::Read Input::arrival(Instant deadline) {
  SLUICE_ASSERT(is_empty());
  release();
  return stream_.read(deadline, net::Stream::OnShortage::tell);
}

Result<bool> Input::took(Result<runtime::Slice> arrived) {
  if (!arrived) return std::unexpected(arrived.error());
  slice_ = std::move(*arrived);
  return !slice_.is_empty();
}

bool Input::ran_short(const Result<bool>& filled) {
  return !filled && filled.error().code == ErrorCode::exhausted && filled.error().os_error == 0;
}

Task<Result<bool>> Input::fill(Instant deadline) {
  Result<bool> filled = took(co_await arrival(deadline));
  if (ran_short(filled)) co_return co_await fill_own(deadline);
  co_return filled;
}

Task<Result<bool>> Input::fill_own(Instant deadline) {
  SLUICE_ASSERT(is_empty());
  release();
  co_await stream_.stop_receiving();
  if (take_received()) co_return true;
  gather_ = blocks_.take();
  if (!gather_) co_return took(co_await stream_.read(deadline, net::Stream::OnShortage::wait));
  Result<std::size_t> count = co_await stream_.read_into(gather_.span(), deadline);
  if (!count || *count == 0) {
    gather_.reset();
    if (!count) co_return std::unexpected(count.error());
    co_return false;
  }
  gathered_begin_ = 0;
  gathered_end_ = *count;
  co_return true;
}

void Input::detach() {
  if (slice_.is_empty() || gather_) return;
  gather_ = blocks_.take();
  if (gather_) append_slice();
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
    Result<bool> filled = took(co_await stream_.read(deadline, net::Stream::OnShortage::tell));
    if (ran_short(filled) && gathered_end_ < gather_.span().size()) co_return co_await gather_own(deadline);
    if (!filled || !*filled) co_return filled;
  }
  if (append_slice() == 0) co_return failure(ErrorCode::too_large);
  co_return true;
}

// The same without a shared buffer in between.
Task<Result<bool>> Input::gather_own(Instant deadline) {
  co_await stream_.stop_receiving();
  if (std::optional<runtime::Slice> received = stream_.try_read()) {
    slice_ = std::move(*received);
    append_slice();
    co_return true;
  }
  Result<std::size_t> count = co_await stream_.read_into(gather_.span().subspan(gathered_end_), deadline);
  if (!count) co_return std::unexpected(count.error());
  gathered_end_ += *count;
  co_return *count != 0;
}

}  // namespace sluice::message
