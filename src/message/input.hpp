#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "memory/block_pool.hpp"
#include "net/stream.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

// What: the bytes that come in on one HTTP/1 connection, in order, in place where they were received; a head that spans
//       receive buffers is gathered once.
// Shard: one. Lifetime: as its connection; holds nothing while bytes() is empty and release() was called.
// Invariants: bytes() is the oldest contiguous part; what was consumed stays readable until release() or more is asked
// for.
class Input {
 public:
  // blocks: of at least the largest head.
  Input(net::Stream& stream, memory::BlockPool& blocks) : stream_(stream), blocks_(blocks) {}

  [[nodiscard]] net::Stream& stream() const { return stream_; }
  [[nodiscard]] std::string_view bytes() const {
    return gathered_end_ != gathered_begin_ ? gathered() : slice_.bytes();
  }
  [[nodiscard]] bool is_empty() const { return bytes().empty(); }
  void consume(std::size_t count);
  // Drops everything that has been received and not consumed; returns how many bytes that was.
  std::size_t discard();
  // Gives back every buffer without unconsumed bytes in it.
  void release();

  // With bytes() empty: takes over what has been received already; false when there is nothing.
  [[nodiscard]] bool take_received();
  // With bytes() empty: waits for more. False at eof. When the shard's receive buffers have run out, what has come is
  // received into a block of our own instead.
  [[nodiscard]] runtime::Task<Result<bool>> fill(Instant deadline);
  // The same in two steps, for whoever waits long and often: `took(co_await arrival(deadline))` needs no frame beside
  // the caller's. With ran_short() of what it gives, fill_own() goes on.
  [[nodiscard]] net::Stream::Read arrival(Instant deadline);
  [[nodiscard]] Result<bool> took(Result<runtime::Slice> arrived);
  // The shard's receive buffers have run out, and what has come waits for a block of our own.
  [[nodiscard]] static bool ran_short(const Result<bool>& filled);
  // As fill(), always into a block of our own, for bodies that may be long: whoever stalls in the middle of one then
  // holds that block and none of the buffers that all connections share. Not inlined: its frame would become a part of
  // its caller's, which is there for as long as a connection is idle.
  [[nodiscard, gnu::noinline]] runtime::Task<Result<bool>> fill_own(Instant deadline);
  // Moves what has not been consumed into a block of our own, if it is in a shared buffer and a block is to be had:
  // before a wait that may be long.
  void detach();
  // With a part of a head in bytes(): waits for more and puts it behind, contiguously. False at eof.
  // Errors: exhausted (no block), too_large (more than a block), and those of the stream.
  [[nodiscard]] runtime::Task<Result<bool>> gather(Instant deadline);

 private:
  [[nodiscard]] std::string_view gathered() const {
    return {gather_.data() + gathered_begin_, gathered_end_ - gathered_begin_};
  }
  [[nodiscard]] runtime::Task<Result<bool>> gather_own(Instant deadline);
  [[nodiscard]] Result<void> begin_gathering();
  std::size_t append_slice();

  net::Stream& stream_;
  memory::BlockPool& blocks_;
  runtime::Slice slice_;
  memory::Block gather_;  // comes before the slice
  std::size_t gathered_begin_ = 0;
  std::size_t gathered_end_ = 0;
};

}  // namespace sluice::message
