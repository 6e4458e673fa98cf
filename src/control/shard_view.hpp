#pragma once

#include "proxy/counters.hpp"

namespace sluice::runtime {
class BufferRing;
struct LoopCounters;
}  // namespace sluice::runtime

namespace sluice::net {
class PipePool;
}

namespace sluice::control {

// What anybody may read of a shard while it runs. Valid until the shards are joined.
struct ShardView {
  unsigned index = 0;
  const proxy::ShardCounters* counters = nullptr;
  // Null when the shard has not started, or has ended.
  const runtime::LoopCounters* loop = nullptr;
  const runtime::BufferRing* buffers = nullptr;
  const net::PipePool* pipes = nullptr;
};

}  // namespace sluice::control
