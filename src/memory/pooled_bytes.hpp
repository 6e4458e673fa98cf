#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "memory/frame_pool.hpp"

namespace sluice::memory {

// What: bytes that are collected piece by piece, in memory of the thread's FramePool. How many there may be is for the
//       owner to bound.
// Shard: one. Lifetime: views of it end with the next append(), clear() or its own end.
class PooledBytes {
 public:
  PooledBytes() = default;
  PooledBytes(PooledBytes&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  PooledBytes& operator=(PooledBytes&& other) noexcept {
    if (this != &other) {
      clear();
      memory_ = std::exchange(other.memory_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  ~PooledBytes() { clear(); }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (capacity_ - size_ < bytes.size()) grow(size_ + bytes.size());
    std::memcpy(memory_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  [[nodiscard]] std::string_view view() const { return {memory_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Gives the memory back.
  void clear() {
    if (memory_ != nullptr) FramePool::of_this_thread().release(memory_, capacity_);
    memory_ = nullptr;
    size_ = capacity_ = 0;
  }

 private:
  static constexpr std::size_t first_bytes = 512;

  void grow(std::size_t needed) {
    const std::size_t capacity = std::max({needed, capacity_ * 2, first_bytes});
    auto* memory = static_cast<char*>(FramePool::of_this_thread().allocate(capacity));
    const std::size_t size = size_;
    if (size != 0) std::memcpy(memory, memory_, size);
    clear();
    memory_ = memory;
    size_ = size;
    capacity_ = capacity;
  }

  char* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace sluice::memory
