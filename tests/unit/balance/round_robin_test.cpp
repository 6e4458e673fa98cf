#include "balance/round_robin.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include "base/random.hpp"

namespace sluice::balance {
namespace {

using Weights = std::vector<std::uint32_t>;
using Picks = std::vector<std::size_t>;

Picks take(WeightedRoundRobin& robin, std::size_t count) {
  Picks picks;
  for (std::size_t i = 0; i < count; ++i) picks.push_back(robin.pick());
  return picks;
}

TEST_CASE("the sequence is spread, and the same every turn") {
  struct Row {
    Weights weights;
    Picks turn;
  };
  const std::vector<Row> rows{
      {{1}, {0}},
      {{7}, {0}},
      {{1, 1}, {0, 1}},
      {{1, 2}, {1, 0, 1}},
      {{5, 1, 1}, {0, 0, 1, 0, 2, 0, 0}},
      {{1, 1, 1, 1}, {0, 1, 2, 3}},
      {{2, 2}, {0, 1}},
  };
  for (const Row& row : rows) {
    WeightedRoundRobin robin(row.weights);
    CHECK(robin.size() == row.weights.size());
    for (int turn = 0; turn < 3; ++turn) CHECK(take(robin, row.turn.size()) == row.turn);
  }
}

TEST_CASE("in every turn each member gets exactly its weight, whatever the seed") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    Weights weights(1 + random.below(12));
    for (auto& weight : weights) weight = static_cast<std::uint32_t>(1 + random.below(20));
    std::uint32_t total = std::accumulate(weights.begin(), weights.end(), 0U);
    WeightedRoundRobin robin(weights, random.next());
    for (int turn = 0; turn < 3; ++turn) {
      Weights counts(weights.size());
      for (std::size_t pick : take(robin, total)) ++counts[pick];
      CHECK(counts == weights);
    }
  }
}

TEST_CASE("the heaviest weights there may be") {
  const Weights weights{1000, 1, 1000, 999};
  WeightedRoundRobin robin(weights, 12345);
  Weights counts(weights.size());
  for (std::size_t pick : take(robin, 3000)) ++counts[pick];
  CHECK(counts == weights);
}

TEST_CASE("shards start apart") {
  const Weights weights{1, 1, 1, 1};
  std::set<std::size_t> first;
  for (std::uint64_t shard = 0; shard < 4; ++shard) first.insert(WeightedRoundRobin(weights, shard).pick());
  CHECK(first.size() == 4);
  WeightedRoundRobin a(weights, 6);
  WeightedRoundRobin b(weights, 6);
  CHECK(take(a, 20) == take(b, 20));
}

TEST_CASE("who is not eligible is passed over, and the others keep their proportions") {
  const Weights weights{3, 2, 1};
  for (std::size_t out = 0; out < weights.size(); ++out) {
    WeightedRoundRobin robin(weights, 5);
    auto is_in = [&](std::size_t index) { return index != out; };
    std::uint32_t total = 6 - weights[out];
    Weights counts(weights.size());
    constexpr std::uint32_t turns = 1000;
    for (std::uint32_t i = 0; i < total * turns; ++i) {
      auto pick = robin.pick(is_in);
      REQUIRE(pick.has_value());
      ++counts[*pick];
    }
    CHECK(counts[out] == 0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (i != out) CHECK(std::max(counts[i], weights[i] * turns) - std::min(counts[i], weights[i] * turns) <= 3);
    }
  }
}

TEST_CASE("nobody eligible: nothing, and nothing changes") {
  const Weights weights{2, 1};
  WeightedRoundRobin robin(weights);
  WeightedRoundRobin untouched(weights);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(robin.pick([](std::size_t) { return false; }).has_value());
  CHECK(take(robin, 9) == take(untouched, 9));
}

TEST_CASE("a member that comes back is neither flooded nor starved") {
  const Weights weights{1, 1, 1};
  WeightedRoundRobin robin(weights);
  for (int i = 0; i < 10'001; ++i) CHECK(robin.pick([](std::size_t index) { return index != 2; }) != 2U);
  Weights counts(weights.size());
  for (std::size_t pick : take(robin, 30)) ++counts[pick];
  for (std::uint32_t count : counts) {
    CHECK(count >= 9);
    CHECK(count <= 11);
  }
}

TEST_CASE("credits stay bounded while members come and go at random") {
  const Weights weights{9, 5, 3, 1, 1};
  WeightedRoundRobin robin(weights);
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::uint64_t mask = random.below(32);
    auto pick = robin.pick([&](std::size_t index) { return (mask >> index & 1) != 0; });
    CHECK(pick.has_value() == (mask != 0));
    if (pick) CHECK((mask >> *pick & 1) == 1);
  }
  // Whatever debt the walk left, a few turns pay it.
  static_cast<void>(take(robin, 380));
  Weights counts(weights.size());
  for (std::size_t pick : take(robin, 190)) ++counts[pick];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CHECK(counts[i] >= weights[i] * 10 - 2);
    CHECK(counts[i] <= weights[i] * 10 + 2);
  }
}

}  // namespace
}  // namespace sluice::balance
