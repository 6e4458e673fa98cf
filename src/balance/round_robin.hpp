#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::balance {

// What: smooth weighted round robin. Each pick adds to every eligible member its weight and takes from the chosen one
// their sum, so that heavy members are spread over the turn instead of coming in a row. Shard: its own; shards start
// apart through the seed. Invariants: as long as the eligible members stay the same, each gets its exact share in every
// turn (sum of weights picks).
class WeightedRoundRobin {
 public:
  static constexpr std::uint32_t weight_max = 1000;

  // weights: 1 to weight_max each, at least one. seed: how many picks to be ahead; the number of the shard will do.
  explicit WeightedRoundRobin(std::span<const std::uint32_t> weights, std::uint64_t seed = 0);

  [[nodiscard]] std::size_t size() const { return members_.size(); }

  // The next member for which `is_eligible(index)`, or nothing when there is none. One pass, no allocation.
  template <class Eligible>
  [[nodiscard]] std::optional<std::size_t> pick(const Eligible& is_eligible) {
    std::int64_t total = 0;
    Member* best = nullptr;
    for (Member& member : members_) {
      if (!is_eligible(static_cast<std::size_t>(&member - members_.data()))) continue;
      member.credit += member.weight;
      total += member.weight;
      if (best == nullptr || member.credit > best->credit) best = &member;
    }
    if (best == nullptr) return std::nullopt;
    best->credit -= total;
    return static_cast<std::size_t>(best - members_.data());
  }

  // The next member of all.
  [[nodiscard]] std::size_t pick() {
    return *pick([](std::size_t) { return true; });
  }

 private:
  struct Member {
    std::int64_t weight = 1;
    std::int64_t credit = 0;
  };
  std::vector<Member> members_;
};

}  // namespace sluice::balance
