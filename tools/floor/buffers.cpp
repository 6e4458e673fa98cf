#include "buffers.hpp"

#include <sys/mman.h>

#include <cerrno>

#include "base/assert.hpp"

namespace sluice::floor {

int Buffers::open(io_uring& ring, unsigned ring_count, unsigned other_count, unsigned bytes) noexcept {
  ring_count_ = ring_count;
  bytes_ = bytes;
  mapped_bytes_ = (std::size_t{ring_count} + other_count) * stride();
  void* memory =
      mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  memory_ = static_cast<char*>(memory);
  int error = 0;
  ring_ = io_uring_setup_buf_ring(&ring, ring_count, group, 0, &error);
  if (ring_ == nullptr) {
    munmap(memory_, mapped_bytes_);
    return error;
  }
  held_ = ring_count;
  for (unsigned buffer = 0; buffer < ring_count; ++buffer) give_back(buffer);
  publish();
  return 0;
}

void Buffers::close(io_uring& ring) noexcept {
  io_uring_free_buf_ring(&ring, ring_, ring_count_, group);
  munmap(memory_, mapped_bytes_);
}

void Buffers::give_back(std::uint32_t buffer) noexcept {
  SLUICE_ASSERT(held_ > 0 && buffer < ring_count_);
  io_uring_buf_ring_add(ring_, data(buffer), bytes_, static_cast<std::uint16_t>(buffer),
                        static_cast<int>(ring_count_ - 1), static_cast<int>(unpublished_));
  ++unpublished_;
  --held_;
}

void Buffers::publish() noexcept {
  if (unpublished_ == 0) return;
  io_uring_buf_ring_advance(ring_, static_cast<int>(unpublished_));
  unpublished_ = 0;
}

}  // namespace sluice::floor
