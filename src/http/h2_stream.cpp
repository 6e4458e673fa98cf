#include "http/h2_stream.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/assert.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::http {

// As large as a page, so that a window of many pieces of one byte costs what it holds.
struct H2Bytes::Piece {
  static constexpr std::size_t room = 4096 - sizeof(void*) - 2 * sizeof(std::uint32_t);
  Piece* next = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  char bytes[room];
};

void H2Bytes::append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == Piece::room) {
      void* memory = memory::FramePool::of_this_thread().allocate(sizeof(Piece));
      auto* piece = ::new (memory) Piece;
      (last_ == nullptr ? first_ : last_->next) = piece;
      last_ = piece;
    }
    const std::size_t count = std::min(bytes.size(), Piece::room - last_->end);
    std::memcpy(last_->bytes + last_->end, bytes.data(), count);
    last_->end += static_cast<std::uint32_t>(count);
    bytes.remove_prefix(count);
  }
}

std::string_view H2Bytes::front() const {
  return first_ == nullptr ? std::string_view()
                           : std::string_view(first_->bytes + first_->begin, first_->end - first_->begin);
}

void H2Bytes::consume(std::size_t count) {
  SLUICE_ASSERT(count <= size_);
  size_ -= count;
  while (count != 0) {
    const std::size_t part = std::min<std::size_t>(count, first_->end - first_->begin);
    first_->begin += static_cast<std::uint32_t>(part);
    count -= part;
    if (first_->begin == first_->end) drop_first();
  }
}

void H2Bytes::clear() {
  while (first_ != nullptr) drop_first();
  size_ = 0;
}

void H2Bytes::drop_first() {
  Piece* piece = std::exchange(first_, first_->next);
  if (first_ == nullptr) last_ = nullptr;
  memory::FramePool::of_this_thread().release(piece, sizeof(Piece));
}

}  // namespace sluice::http
