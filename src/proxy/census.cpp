#include "proxy/census.hpp"

#include "memory/frame_pool.hpp"
#include "memory/heap.hpp"
#include "proxy/downstream.hpp"
#include "proxy/exchange.hpp"
#include "proxy/shard.hpp"
#include "runtime/kernel.hpp"

namespace sluice::proxy {
namespace {

PoolUse use_of(const memory::BlockPool& blocks) {
  return {.in_use = blocks.outstanding(),
          .made = blocks.count(),
          .max = blocks.count_max(),
          .bytes = blocks.count() * blocks.block_bytes()};
}

MemoryUse memory_of(Shard& shard) {
  const runtime::BufferRing& buffers = shard.buffers();
  const net::PipePool& pipes = shard.pipes();
  const memory::FramePool& frames = memory::FramePool::of_this_thread();
  return {.receive_buffers = {.in_use = buffers.outstanding(),
                              .made = buffers.in_use(),
                              .max = buffers.count(),
                              .bytes = buffers.in_use() * buffers.buffer_bytes()},
          .head_buffers = use_of(shard.gather_blocks()),
          .send_buffers = use_of(shard.send_blocks()),
          .pipes = {.in_use = pipes.outstanding(), .made = pipes.open(), .max = pipes.count_max(), .bytes = 0},
          .frames_in_use = frames.outstanding(),
          .frame_bytes = frames.bytes_held(),
          .heap_allocations = memory::heap_allocations_of_this_thread()};
}

}  // namespace

void Census::fill(Shard& shard) {
  const Instant now = shard.loop().now();
  connections_ = static_cast<std::size_t>(shard.counters().connections_open.value());
  shard.for_each_connection([&](Downstream& connection) {
    if (count_ == rows_.size()) return false;
    connection.describe(rows_[count_++], now);
    return true;
  });
  shard.snapshots().for_each_held([&](std::uint64_t generation, std::size_t leases) {
    ++snapshots_;
    if (held_count_ < held_.size()) held_[held_count_++] = {generation, leases};
  });
  memory_ = memory_of(shard);
  const int event = event_;  // with the answer all of this is the control thread's, and may be gone
  answered_.store(true, std::memory_order_release);
  (void)runtime::kernel::event_signal(event);
}

}  // namespace sluice::proxy
