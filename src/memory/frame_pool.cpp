#include "memory/frame_pool.hpp"

#include <new>

#include "base/assert.hpp"
#include "memory/poison.hpp"

namespace sluice::memory {

thread_local FramePool FramePool::this_thread_;

FramePool::~FramePool() {
  for (void* chunk : chunks_) {
    unpoison(chunk, chunk_bytes);
    ::operator delete(chunk, std::align_val_t{class_bytes});
  }
}

void* FramePool::allocate(std::size_t bytes) noexcept {
  ++outstanding_;
  if (bytes > pooled_bytes_max) [[unlikely]]
    return ::operator new(bytes);
  std::size_t index = (bytes + class_bytes - 1) / class_bytes;
  Free* block = free_[index];
  if (block == nullptr) [[unlikely]]
    return carve(index * class_bytes);
  unpoison(block, index * class_bytes);
  free_[index] = block->next;
  return block;
}

void FramePool::release(void* block, std::size_t bytes) noexcept {
  SLUICE_ASSERT(outstanding_ > 0);
  --outstanding_;
  if (bytes > pooled_bytes_max) [[unlikely]] {
    ::operator delete(block);
    return;
  }
  std::size_t index = (bytes + class_bytes - 1) / class_bytes;
  auto* freed = static_cast<Free*>(block);
  freed->next = free_[index];
  free_[index] = freed;
  poison(block, index * class_bytes);
}

void* FramePool::carve(std::size_t bytes) noexcept {
  if (rest_bytes_ < bytes) {
    // What is left of the old chunk is below one block of this class: it stays unused, at most 16 KiB of each 128.
    void* chunk = ::operator new(chunk_bytes, std::align_val_t{class_bytes});
    chunks_.push_back(chunk);
    poison(chunk, chunk_bytes);
    rest_ = static_cast<std::byte*>(chunk);
    rest_bytes_ = chunk_bytes;
  }
  void* block = rest_;
  rest_ += bytes;
  rest_bytes_ -= bytes;
  unpoison(block, bytes);
  return block;
}

}  // namespace sluice::memory
