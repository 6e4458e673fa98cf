#include "memory/block_pool.hpp"

#include <new>

#include "base/assert.hpp"
#include "memory/poison.hpp"

namespace sluice::memory {

namespace {
constexpr std::align_val_t block_alignment{4096};
}

BlockPool::BlockPool(std::size_t block_bytes, std::size_t count_max)
    : block_bytes_(block_bytes), count_max_(count_max) {
  SLUICE_ASSERT(block_bytes % 16 == 0);
  free_.reserve(count_max);
  all_.reserve(count_max);
}

BlockPool::~BlockPool() {
  SLUICE_ASSERT(outstanding_ == 0);
  for (char* bytes : all_) {
    unpoison(bytes, block_bytes_);
    ::operator delete(bytes, block_alignment);
  }
}

Block BlockPool::take() noexcept {
  char* bytes = nullptr;
  if (!free_.empty()) {
    bytes = free_.back();
    free_.pop_back();
    unpoison(bytes, block_bytes_);
  } else if (all_.size() < count_max_) {
    bytes = static_cast<char*>(::operator new(block_bytes_, block_alignment));
    all_.push_back(bytes);
  } else {
    return {};
  }
  ++outstanding_;
  return Block(*this, bytes);
}

void BlockPool::give_back(char* bytes) noexcept {
  SLUICE_ASSERT(outstanding_ > 0);
  --outstanding_;
  poison(bytes, block_bytes_);
  free_.push_back(bytes);
}

}  // namespace sluice::memory
