#include "runtime/buffer_ring.hpp"

#include <algorithm>
#include <new>

#include "base/assert.hpp"
#include "memory/poison.hpp"
#include "runtime/kernel.hpp"
#include "runtime/loop.hpp"

namespace sluice::runtime {

namespace {
// Buffers at distances of a power of two would all begin in the same few sets of the caches.
constexpr std::size_t spread_bytes = 5 * 64;
constexpr unsigned first_use = 64;  // a power of two, as every number of buffers
constexpr std::align_val_t page_alignment{4096};

}  // namespace

void BufferRing::FreePages::operator()(char* memory) const noexcept { ::operator delete(memory, page_alignment); }

BufferRing::BufferRing(Loop& loop, std::size_t buffer_bytes, unsigned count)
    : loop_(loop),
      buffer_bytes_(buffer_bytes),
      stride_(buffer_bytes + spread_bytes),
      count_(count),
      memory_(static_cast<char*>(::operator new(stride_* count, page_alignment))),
      queued_(count) {}

Result<std::unique_ptr<BufferRing>> BufferRing::open(Loop& loop, std::size_t buffer_bytes, unsigned count) {
  SLUICE_ASSERT(count > 0 && (count & (count - 1)) == 0 && count <= 32768);
  std::unique_ptr<BufferRing> buffers(new BufferRing(loop, buffer_bytes, count));
  int result = kernel::buffer_ring_open(loop.ring(), count, buffers->group_, buffers->ring_);
  if (result < 0) return std::unexpected(error_from_errno(-result));
  buffers->offer_up_to(std::min(first_use, count));
  return buffers;
}

BufferRing::~BufferRing() {
  SLUICE_ASSERT(outstanding_ == 0);
  if (is_armed()) loop_.wheel().disarm(*this);
  if (ring_ != nullptr) kernel::buffer_ring_close(loop_.ring(), count_, group_, ring_);
  memory::unpoison(memory_.get(), stride_ * count_);
}

void BufferRing::offer(std::uint16_t id) noexcept {
  memory::poison(buffer(id), buffer_bytes_);
  io_uring_buf_ring_add(ring_, buffer(id), static_cast<unsigned>(buffer_bytes_), id, io_uring_buf_ring_mask(count_), 0);
  io_uring_buf_ring_advance(ring_, 1);
}

void BufferRing::offer_up_to(unsigned end) noexcept {
  for (; in_use_ < end; ++in_use_) offer(static_cast<std::uint16_t>(in_use_));
}

bool BufferRing::grow() {
  const std::uint64_t turn = loop_.turn_number();
  if (grown_in_ == turn) return true;
  if (in_use_ == count_) return false;
  grown_in_ = turn;
  offer_up_to(in_use_ * 2);
  look_again();
  return true;
}

void SliceQueue::push(unsigned cqe_flags, std::size_t bytes) {
  SLUICE_ASSERT((cqe_flags & IORING_CQE_F_BUFFER) != 0 && bytes <= ring_.buffer_bytes_);
  auto id = static_cast<std::uint16_t>(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
  ++ring_.outstanding_;
  memory::unpoison(ring_.buffer(id), bytes);
  ring_.queued_[id].bytes = static_cast<std::uint32_t>(bytes);
  if (count_ == 0) {
    first_ = id;
  } else {
    ring_.queued_[last_].next = id;
  }
  last_ = id;
  ++count_;
}

Slice SliceQueue::pop() {
  SLUICE_ASSERT(count_ > 0);
  std::uint16_t id = first_;
  first_ = ring_.queued_[id].next;
  --count_;
  return Slice(ring_, id, std::string_view(ring_.buffer(id), ring_.queued_[id].bytes));
}

void BufferRing::give_back(std::uint16_t id) noexcept {
  SLUICE_ASSERT(outstanding_ > 0);
  --outstanding_;
  offer(id);
  if (Starved* starved = starved_.pop_front()) starved->on_buffers();
  look_again();
}

// Whoever was told may have nothing to receive, and leaves the buffer to the next one without our hearing of it.
void BufferRing::look_again() {
  if (!starved_.is_empty() && outstanding_ < in_use_ && !is_armed()) loop_.wheel().arm(*this, loop_.now());
}

// As many as there are buffers, not all of them: the others would only fail again.
void BufferRing::on_deadline() {
  for (unsigned free = in_use_ - outstanding_; free > 0 && !starved_.is_empty(); --free) {
    starved_.pop_front()->on_buffers();
  }
  look_again();
}

void BufferRing::wait_for_buffers(Starved& starved) {
  shortages_.store(shortages_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // Buffers may have come back between the kernel's completion and this moment.
  if (outstanding_ < in_use_ && starved_.is_empty()) {
    starved.on_buffers();
    return;
  }
  starved_.push_back(starved);
  look_again();
}

}  // namespace sluice::runtime
