#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::proxy {

// What: text that an exchange keeps, in memory of the thread's FramePool.
// Shard: one. Lifetime: its views end with it, or with the next reserve().
class PooledText {
 public:
  PooledText() = default;
  PooledText(const PooledText&) = delete;
  PooledText& operator=(const PooledText&) = delete;
  ~PooledText() { free(); }

  // Room for `bytes`, with nothing in it.
  void reserve(std::size_t bytes) {
    free();
    capacity_ = bytes;
    if (bytes != 0) memory_ = static_cast<char*>(memory::FramePool::of_this_thread().allocate(bytes));
  }
  void assign(std::string_view text) {
    reserve(text.size());
    std::memcpy(memory_, text.data(), text.size());
  }
  [[nodiscard]] std::span<char> span() { return {memory_, capacity_}; }
  [[nodiscard]] std::string_view view() const { return {memory_, capacity_}; }

  // What: fills a PooledText piece by piece.
  class Copier {
   public:
    // bytes: of all pieces together.
    Copier(PooledText& text, std::size_t bytes) : text_(text) { text.reserve(bytes); }
    std::string_view copy(std::string_view piece) {
      SLUICE_ASSERT(used_ + piece.size() <= text_.capacity_);
      if (piece.empty()) return {};
      char* at = text_.memory_ + used_;
      std::memcpy(at, piece.data(), piece.size());
      used_ += piece.size();
      return {at, piece.size()};
    }

   private:
    PooledText& text_;
    std::size_t used_ = 0;
  };

 private:
  void free() {
    if (memory_ != nullptr) memory::FramePool::of_this_thread().release(memory_, capacity_);
    memory_ = nullptr;
    capacity_ = 0;
  }
  char* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace sluice::proxy
