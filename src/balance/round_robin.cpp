#include "balance/round_robin.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sluice::balance {

WeightedRoundRobin::WeightedRoundRobin(std::span<const std::uint32_t> weights, std::uint64_t seed) {
  SLUICE_ASSERT(!weights.empty());
  std::uint64_t total = 0;
  for (std::uint32_t weight : weights) {
    SLUICE_ASSERT(weight >= 1 && weight <= weight_max);
    members_.push_back({.weight = weight});
    total += weight;
  }
  // A start that the sequence itself passes through keeps its shares exact. The bound keeps building cheap, and is more
  // starts than there are shards.
  constexpr std::uint64_t ahead_max = 1024;
  for (std::uint64_t ahead = seed % std::min(total, ahead_max); ahead != 0; --ahead) static_cast<void>(pick());
}

}  // namespace sluice::balance
