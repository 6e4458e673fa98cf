#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "memory/block_pool.hpp"
#include "net/stream.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/task.hpp"

namespace sluice::origin {

// What: the bytes that the client sent, in order. Heads and short bodies come through the shared receive buffers, the
// rest
//       of a long body through one big buffer with one receive at a time.
// Shard: the stream's.
// Invariants: while bytes() is not empty it lies in slice_ or in bulk_; an idle connection holds neither.
class Input {
 public:
  Input(net::Stream& stream, memory::BlockPool& bulk_blocks) : stream_(stream), bulk_blocks_(bulk_blocks) {}

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
  // The consumed bytes stay where they are until the next fill() or release().
  void consume(std::size_t count) { bytes_.remove_prefix(count); }
  // Gives the buffer back once everything in it is consumed.
  void release() {
    if (!bytes_.empty()) return;
    slice_.reset();
    bulk_.reset();
  }
  // The client sent more than was consumed.
  [[nodiscard]] bool has_unread() const { return !bytes_.empty() || stream_.has_unread(); }

  // Replaces the bytes, all of which are consumed, by the next ones. Errors: closed when the client has ended, and
  // those of Stream::read.
  [[nodiscard]] runtime::Task<Result<void>> fill(Instant deadline);
  // As fill, in the middle of a body of which `seen` bytes have come and, as far as is known, at least `ahead` are to
  // come.
  [[nodiscard]] runtime::Task<Result<void>> fill_body(std::uint64_t seen, std::uint64_t ahead, Instant deadline);
  // Takes up to `count` of the next bytes, all before being consumed, and throws them away, which spares the kernel the
  // copy. Gives how many; 0 where that cannot be done now, and fill_body() has to be used. Errors: as fill.
  [[nodiscard]] runtime::Task<Result<std::size_t>> skip(std::uint64_t count, Instant deadline);
  // Discards everything until the client ends (true) or the deadline has passed.
  [[nodiscard]] runtime::Task<bool> discard_until_end(Instant deadline);

 private:
  // The big buffer is there, and nothing but a receive into it can bring the next bytes.
  [[nodiscard]] runtime::Task<bool> prepare_bulk();

  net::Stream& stream_;
  memory::BlockPool& bulk_blocks_;
  runtime::Slice slice_;
  memory::Block bulk_;
  std::string_view bytes_;
};

}  // namespace sluice::origin
