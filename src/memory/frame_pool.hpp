#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace sluice::memory {

// What: memory for coroutine frames and other small, short-lived objects: free lists by size class over chunks that are
//       kept until the pool ends. In the steady state neither allocate nor release touches the general heap.
// Shard: one pool for each thread, touched by that thread alone.
// Lifetime: thread-local; outlives every shard object of its thread.
// Invariants: what it holds is poisoned; outstanding() is the number of blocks handed out.
class FramePool {
 public:
  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool();

  [[nodiscard]] static FramePool& of_this_thread() noexcept { return this_thread_; }

  // Never null: the heap aborts when there is no memory at all. bytes: what release is told again.
  [[nodiscard]] void* allocate(std::size_t bytes) noexcept;
  void release(void* block, std::size_t bytes) noexcept;

  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] std::size_t bytes_held() const noexcept { return chunks_.size() * chunk_bytes; }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t class_bytes = 64;
  static constexpr std::size_t pooled_bytes_max = 16 * 1024;
  static constexpr std::size_t chunk_bytes = 128 * 1024;

  [[nodiscard]] void* carve(std::size_t bytes) noexcept;

  std::array<Free*, pooled_bytes_max / class_bytes + 1> free_{};
  std::vector<void*> chunks_;
  std::byte* rest_ = nullptr;  // the part of the newest chunk that was never handed out
  std::size_t rest_bytes_ = 0;
  std::size_t outstanding_ = 0;

  static thread_local FramePool this_thread_;
};

}  // namespace sluice::memory
