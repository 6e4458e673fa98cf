#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::metrics {

// What: a number that one shard writes and anybody reads.
// Shard: add, subtract and set from the owner, value from any thread.
class Counter {
 public:
  void add(std::uint64_t amount = 1) {
    // One writer: a plain load and store, no locked instruction.
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace sluice::metrics
