#pragma once

#include <liburing.h>

#include <cstdint>

namespace sluice::floor {

// What: the receive buffers. The first `ring_count` are in a ring, of which the kernel takes one per receive and to
// which we give it back after the send; those behind are for receives that name their buffer. Shard: the one thread of
// the program. Lifetime: open() to close(); the ring must outlive it. Invariants: a buffer of the ring is either in the
// kernel's ring or held by exactly one flow; held() counts the latter.
class Buffers {
 public:
  static constexpr int group = 0;

  // `ring_count` is a power of two; `bytes`: the size of one. Returns 0 or a negative errno. What is not used takes no
  // memory.
  [[nodiscard]] int open(io_uring& ring, unsigned ring_count, unsigned other_count, unsigned bytes) noexcept;
  void close(io_uring& ring) noexcept;

  // The kernel handed one out in a completion.
  void take() noexcept { ++held_; }

  // Gives a buffer of the ring back; the kernel sees it after the next publish().
  void give_back(std::uint32_t buffer) noexcept;
  void publish() noexcept;

  [[nodiscard]] char* data(std::uint32_t buffer) const noexcept { return memory_ + buffer * stride(); }
  [[nodiscard]] unsigned bytes() const noexcept { return bytes_; }
  [[nodiscard]] unsigned held() const noexcept { return held_; }

 private:
  // Small messages use the first lines of every buffer: at distances of a power of two all of these would fall into the
  // same few sets of the cache. An odd number of lines more spreads them over all sets.
  static constexpr unsigned spread_bytes = 5 * 64;
  [[nodiscard]] std::size_t stride() const noexcept { return std::size_t{bytes_} + spread_bytes; }

  io_uring_buf_ring* ring_ = nullptr;
  char* memory_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  unsigned ring_count_ = 0;
  unsigned bytes_ = 0;
  unsigned held_ = 0;
  unsigned unpublished_ = 0;
};

}  // namespace sluice::floor
