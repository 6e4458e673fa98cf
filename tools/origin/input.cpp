#include "input.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "limits.hpp"
#include "runtime/operation.hpp"

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

Task<bool> Input::prepare_bulk() {
  SLUICE_ASSERT(bytes_.empty());
  if (!bulk_) bulk_ = bulk_blocks_.take();
  if (!bulk_) co_return false;
  slice_.reset();
  co_await stream_.stop_receiving();
  co_return !stream_.has_unread();
}

Task<Result<void>> Input::fill_body(std::uint64_t seen, std::uint64_t ahead, Instant deadline) {
  const bool is_long = bulk_ || std::max(seen, ahead) >= bulk_from_bytes;
  if (!is_long || !co_await prepare_bulk()) co_return co_await fill(deadline);
  Result<std::size_t> count = co_await stream_.read_into(bulk_.span(), deadline);
  if (!count) co_return std::unexpected(count.error());
  if (*count == 0) co_return failure(ErrorCode::closed, Side::downstream);
  bytes_ = {bulk_.data(), *count};
  co_return Result<void>();
}

Task<Result<std::size_t>> Input::skip(std::uint64_t count, Instant deadline) {
  const bool is_long = count >= bulk_from_bytes || (bulk_ && count > 0);
  if (!is_long || !co_await prepare_bulk() || stream_.will_receive_no_more()) co_return std::size_t{0};
  // tcp(7): MSG_TRUNC throws the bytes away. The buffer is there all the same, for sockets that do not know it. Not
  // with MSG_WAITALL: Linux 6.18 then waits for all of `size` again after each part.
  const std::size_t size = std::min<std::uint64_t>(count, bulk_.span().size());
  Result<int> taken = co_await runtime::operation(deadline, [this, size](io_uring_sqe* sqe) {
    io_uring_prep_recv(sqe, stream_.fd(), bulk_.data(), size, MSG_TRUNC);
  });
  if (!taken) co_return std::unexpected(taken.error());
  if (*taken == 0) co_return failure(ErrorCode::closed, Side::downstream);
  co_return static_cast<std::size_t>(*taken);
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
