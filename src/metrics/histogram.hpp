#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "base/clock.hpp"
#include "metrics/counter.hpp"

namespace sluice::metrics {

// What: how long things took, in buckets with fixed bounds.
// Shard: add from the owner, the rest from any thread.
struct DurationHistogram {
  static constexpr std::array<Duration, 15> bounds{
      std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
      std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
      std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
      std::chrono::milliseconds(500), std::chrono::seconds(1),        std::chrono::milliseconds(2500),
      std::chrono::seconds(5),        std::chrono::seconds(10),       std::chrono::seconds(60)};

  void add(Duration duration) {
    std::size_t index = 0;
    while (index < bounds.size() && duration > bounds[index]) ++index;
    buckets[index].add();
    sum_ns.add(static_cast<std::uint64_t>(duration.count()));
  }

  std::array<Counter, bounds.size() + 1> buckets;  // each alone, not with those before it; the last has no bound
  Counter sum_ns;
};

}  // namespace sluice::metrics
