#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/pipe_pool.hpp"
#include "net/stream.hpp"
#include "runtime/task.hpp"

namespace sluice::net {

// How a transfer ended that did not move everything.
struct SpliceOutcome {
  std::uint64_t moved = 0;  // bytes that left for the sink
  enum class End : std::uint8_t { complete, dry, source_ended, source_failed, sink_failed } end = End::complete;
  Error error;  // with source_failed and sink_failed
};

// What becomes of a transfer whose source has nothing more just now, and whose pipe is empty.
enum class WhenDry : std::uint8_t { waits, ends };

// Moves `bytes` from one socket to another inside the kernel, until all have been moved or the source ends.
// from: its multishot is stopped and its queue is empty. pipe: empty; left non-empty when the sink failed.
// idle_timeout: how long neither side may make progress. With WhenDry::ends only the sink is waited for.
[[nodiscard]] runtime::Task<SpliceOutcome> splice(Stream& from, Stream& to, std::uint64_t bytes, Pipe& pipe,
                                                  Duration idle_timeout, WhenDry when_dry = WhenDry::waits);

}  // namespace sluice::net
