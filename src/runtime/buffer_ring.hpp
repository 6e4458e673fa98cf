#pragma once

#include <liburing.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/list.hpp"
#include "runtime/wheel.hpp"

namespace sluice::runtime {

class BufferRing;
class Loop;

// What: received bytes in a provided buffer, which goes back to the kernel when the handle ends. consume() from the
// front.
class Slice {
 public:
  Slice() = default;
  Slice(Slice&& other) noexcept
      : ring_(std::exchange(other.ring_, nullptr)),
        bytes_(std::exchange(other.bytes_, std::string_view())),
        buffer_(other.buffer_) {}
  Slice& operator=(Slice&& other) noexcept {
    if (this != &other) {
      reset();
      ring_ = std::exchange(other.ring_, nullptr);
      bytes_ = std::exchange(other.bytes_, std::string_view());
      buffer_ = other.buffer_;
    }
    return *this;
  }
  ~Slice() { reset(); }

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
  void consume(std::size_t count) { bytes_.remove_prefix(count); }
  void reset() noexcept;

 private:
  friend class SliceQueue;
  Slice(BufferRing& ring, std::uint16_t buffer, std::string_view bytes)
      : ring_(&ring), bytes_(bytes), buffer_(buffer) {}
  BufferRing* ring_ = nullptr;
  std::string_view bytes_;
  std::uint16_t buffer_ = 0;
};

// What: the shard's provided buffers (IORING_REGISTER_PBUF_RING): the kernel takes one when bytes arrive, so an idle
//       connection holds none.
// Shard: one loop's; closed before the loop.
// Lifetime: outlives every Slice and every receive that selects from it.
// Invariants: each buffer is with the kernel (poisoned), in exactly one Slice or receive queue, or was never used.
//             While buffers are free, nobody is starved for more than a few ticks.
class BufferRing final : private Timer {
 public:
  // Somebody whose receive ended with ENOBUFS, told once buffers are back.
  class Starved {
   public:
    virtual void on_buffers() = 0;
    [[nodiscard]] bool is_starved() const { return starved_hook_.is_linked(); }

   protected:
    ~Starved() = default;

   private:
    friend class BufferRing;
    ListHook starved_hook_;
  };

  // buffer_bytes: size of each; count: a power of two, at most 32768. The kernel gets a few at first, and more when a
  // receive found none: it goes through all that it has in turn, and what was never needed stays untouched.
  [[nodiscard]] static Result<std::unique_ptr<BufferRing>> open(Loop& loop, std::size_t buffer_bytes, unsigned count);
  ~BufferRing();

  [[nodiscard]] int group() const { return group_; }
  [[nodiscard]] std::size_t buffer_bytes() const { return buffer_bytes_; }
  [[nodiscard]] unsigned count() const { return count_; }
  [[nodiscard]] unsigned outstanding() const { return outstanding_; }
  // How many the kernel has had so far.
  [[nodiscard]] unsigned in_use() const { return in_use_; }
  // How often a receive found no buffer.
  [[nodiscard]] std::uint64_t shortages() const { return shortages_.load(std::memory_order_relaxed); }

  // For whoever found none: gives the kernel as many again as it has had so far, once in a turn of the loop, because
  // all who found none in it may share them. False when there are no more.
  [[nodiscard]] bool grow();
  // Queues a starved receive, when there is nothing to grow by: told in order, as buffers come back.
  void wait_for_buffers(Starved& starved);
  void stop_waiting(Starved& starved) { starved.starved_hook_.unlink(); }

 private:
  friend class Slice;
  friend class SliceQueue;
  BufferRing(Loop& loop, std::size_t buffer_bytes, unsigned count);
  [[nodiscard]] char* buffer(std::uint16_t id) const { return memory_.get() + std::size_t{id} * stride_; }
  void give_back(std::uint16_t id) noexcept;
  void offer(std::uint16_t id) noexcept;
  void offer_up_to(unsigned end) noexcept;
  void look_again();
  void on_deadline() override;

  Loop& loop_;
  int group_ = 0;
  std::size_t buffer_bytes_;
  std::size_t stride_;  // from one buffer to the next
  unsigned count_;
  unsigned outstanding_ = 0;
  unsigned in_use_ = 0;                  // the first ones; the others were never offered
  std::uint64_t grown_in_ = UINT64_MAX;  // the turn of the loop
  struct FreePages {
    void operator()(char* memory) const noexcept;
  };
  std::unique_ptr<char[], FreePages> memory_;
  // What a SliceQueue knows of each buffer in it; here, because a stream may not need to hold any.
  struct Queued {
    std::uint32_t bytes = 0;
    std::uint16_t next = 0;
  };
  std::vector<Queued> queued_;
  io_uring_buf_ring* ring_ = nullptr;
  List<Starved, &Starved::starved_hook_> starved_;
  std::atomic<std::uint64_t> shortages_{0};
};

// What: received buffers that nobody has read yet, first in first out. Allocates nothing: the links are the ring's.
// Shard: the ring's. Lifetime: clear()ed before it ends.
class SliceQueue {
 public:
  explicit SliceQueue(BufferRing& ring) : ring_(ring) {}
  SliceQueue(const SliceQueue&) = delete;
  SliceQueue& operator=(const SliceQueue&) = delete;
  ~SliceQueue() { clear(); }

  // The bytes of a receive completion. cqe_flags: those of its CQE, with IORING_CQE_F_BUFFER.
  void push(unsigned cqe_flags, std::size_t bytes);
  // The oldest; must not be empty.
  [[nodiscard]] Slice pop();
  [[nodiscard]] bool is_empty() const { return count_ == 0; }
  [[nodiscard]] unsigned count() const { return count_; }
  void clear() {
    while (!is_empty()) (void)pop();
  }

 private:
  BufferRing& ring_;
  std::uint16_t first_ = 0;
  std::uint16_t last_ = 0;
  unsigned count_ = 0;
};

inline void Slice::reset() noexcept {
  bytes_ = {};
  if (ring_ != nullptr) std::exchange(ring_, nullptr)->give_back(buffer_);
}

}  // namespace sluice::runtime
