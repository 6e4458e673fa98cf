#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::runtime {

// What: what a loop is doing right now, as another thread may see it.
// Shard: written by its own with plain stores, read by any thread.
// Invariants: every text lives as long as the program, so that whoever reads an old one reads a text.
struct alignas(64) Activity {
  std::atomic<std::int64_t> busy_since_ns{0};  // of Instant; 0 while it waits for something to do
  std::atomic<const char*> stage{"starting"};  // of the turn
  std::atomic<const char*> kind{nullptr};      // of the strand that runs; null: none does
  std::atomic<const char*> phase{nullptr};     // of that strand
};

}  // namespace sluice::runtime
