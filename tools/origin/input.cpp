#include "input.hpp"

#include "base/assert.hpp"
#include "limits.hpp"

namespace sluice::origin {

using runtime::Task;

Task<Result<void>> Input::fill(Instant deadline) {
  SLUICE_ASSERT(bytes_.empty());
  release();
  Result<runtime::Slice> slice = co_await stream_.read(deadline);
  if (!slice) co_return std::unexpected(slice.error());
  if (slice->is_empty()) co_return failure(ErrorCode::closed, Side::downstream);
  slice_ = std::move(*slice);
  bytes_ = slice_.bytes();
  co_return Result<void>();
}

Task<Result<void>> Input::fill_body(std::uint64_t seen, Instant deadline) {
  SLUICE_ASSERT(bytes_.empty());
  if (seen < bulk_after_bytes) co_return co_await fill(deadline);
  if (!bulk_) bulk_ = bulk_blocks_.take();
  if (!bulk_) co_return co_await fill(deadline);
  slice_.reset();
  co_await stream_.stop_receiving();
  if (stream_.has_unread()) co_return co_await fill(deadline);
  Result<std::size_t> count = co_await stream_.read_into(bulk_.span(), deadline);
  if (!count) co_return std::unexpected(count.error());
  if (*count == 0) co_return failure(ErrorCode::closed, Side::downstream);
  bytes_ = {bulk_.data(), *count};
  co_return Result<void>();
}

Task<bool> Input::discard_until_end(Instant deadline) {
  Result<void> filled;
  do {
    bytes_ = {};
    filled = co_await fill(deadline);
  } while (filled);
  co_return filled.error().code != ErrorCode::timed_out;
}

}  // namespace sluice::origin
