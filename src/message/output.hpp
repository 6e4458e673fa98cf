#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/writer.hpp"
#include "memory/block_pool.hpp"
#include "net/stream.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

// What: the bytes that go out on one HTTP/1 connection: collected in one block so that head and small body leave in one
//       send; large pieces leave from where they are.
// Shard: one. Lifetime: as its connection; holds no block while it is empty.
class Output {
 public:
  Output(net::Stream& stream, memory::BlockPool& blocks) : stream_(stream), blocks_(blocks) {}

  [[nodiscard]] net::Stream& stream() const { return stream_; }
  [[nodiscard]] bool is_empty() const { return used_ == 0; }
  [[nodiscard]] std::size_t room() const { return block_ ? block_.span().size() - used_ : blocks_.block_bytes(); }
  [[nodiscard]] std::string_view buffered() const { return {block_.data(), used_}; }

  // Runs `write(Writer&)` on the free room. Errors: exhausted (no block to be had), too_large (it did not fit; then
  // nothing was written).
  template <class Write>
  [[nodiscard]] Result<void> append(Write&& write) {
    if (!block_) {
      block_ = blocks_.take();
      if (!block_) return failure(ErrorCode::exhausted);
    }
    http::Writer writer(block_.span().subspan(used_));
    write(writer);
    if (writer.overflowed()) return failure(ErrorCode::too_large);
    used_ += writer.size();
    return {};
  }

  // Sends everything. idle_timeout: how long the peer may take none of it. resume, behind: as for Stream::write.
  [[nodiscard]] runtime::Task<Result<void>> flush(Duration idle_timeout,
                                                  runtime::Resume resume = runtime::Resume::at_once,
                                                  net::Stream::Behind behind = net::Stream::Behind::more);
  // Sends everything and then `data`, which is not copied.
  [[nodiscard]] runtime::Task<Result<void>> flush_with(std::string_view data, Duration idle_timeout);
  // Sends everything, of which there is some, and then `data`, through the block and so in pieces: while it waits,
  // `data` may come to stand for the same bytes elsewhere.
  [[nodiscard]] runtime::Task<Result<void>> flush_behind(const std::string_view& data, Duration idle_timeout);
  // As flush(), but what the socket takes leaves at once: payload that is moved past this object follows.
  [[nodiscard]] runtime::Task<Result<void>> flush_ahead(Duration idle_timeout);
  // Forgets what was not sent.
  void clear() {
    used_ = 0;
    block_.reset();
  }

 private:
  net::Stream& stream_;
  memory::BlockPool& blocks_;
  memory::Block block_;
  std::size_t used_ = 0;
};

}  // namespace sluice::message
