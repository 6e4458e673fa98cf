#include "http/h2_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/assert.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::http {
namespace {

// In front of each piece: the pool wants to be told its size again.
struct alignas(std::max_align_t) Header {
  std::size_t bytes;
};

Header* header_of(void* memory) { return static_cast<Header*>(memory) - 1; }

}  // namespace

H2Memory::~H2Memory() { SLUICE_ASSERT(bytes_out_ == 0); }

void* H2Memory::allocate(std::size_t bytes) noexcept {
  if (bytes > bytes_max_) return nullptr;
  const std::size_t whole = sizeof(Header) + bytes;
  if (whole > bytes_max_ - bytes_out_) return nullptr;
  bytes_out_ += whole;
  auto* header = std::construct_at(static_cast<Header*>(memory::FramePool::of_this_thread().allocate(whole)));
  header->bytes = whole;
  return header + 1;
}

void* H2Memory::resize(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return allocate(bytes);
  void* other = allocate(bytes);
  if (other == nullptr) return nullptr;
  std::memcpy(other, memory, std::min(bytes, header_of(memory)->bytes - sizeof(Header)));
  release(memory);
  return other;
}

void H2Memory::release(void* memory) noexcept {
  if (memory == nullptr) return;
  Header* header = header_of(memory);
  const std::size_t whole = header->bytes;
  SLUICE_ASSERT(whole <= bytes_out_);
  bytes_out_ -= whole;
  memory::FramePool::of_this_thread().release(header, whole);
}

}  // namespace sluice::http
