#include "message/output.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sluice::message {

using runtime::Task;

Task<Result<void>> Output::flush(Duration idle_timeout, runtime::Resume resume, net::Stream::Behind behind) {
  if (used_ == 0) co_return Result<void>();
  Result<void> sent = co_await stream_.write(buffered(), idle_timeout, resume, behind);
  clear();
  co_return sent;
}

Task<Result<void>> Output::flush_ahead(Duration idle_timeout) {
  if (used_ == 0) co_return Result<void>();
  const std::size_t sent = stream_.try_send_ahead(buffered());
  if (sent < used_) {
    Result<void> rest = co_await stream_.write(buffered().substr(sent), idle_timeout);
    if (!rest) co_return rest;
  }
  clear();
  co_return Result<void>();
}

Task<Result<void>> Output::flush_behind(const std::string_view& data, Duration idle_timeout) {
  SLUICE_ASSERT(block_);
  Result<void> sent;
  std::size_t taken = 0;
  do {
    const std::string_view piece = data.substr(taken, room());
    std::ranges::copy(piece, block_.data() + used_);
    used_ += piece.size();
    taken += piece.size();
    sent = co_await stream_.write(buffered(), idle_timeout);
    used_ = 0;
  } while (sent && taken < data.size());
  clear();
  co_return sent;
}

Task<Result<void>> Output::flush_with(std::string_view data, Duration idle_timeout) {
  Result<void> sent = co_await stream_.write(buffered(), data, idle_timeout);
  clear();
  co_return sent;
}

}  // namespace sluice::message
