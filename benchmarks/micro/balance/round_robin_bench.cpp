#include "balance/round_robin.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "measured.hpp"

namespace sluice::micro {
namespace {

std::vector<std::uint32_t> weights_of(std::int64_t members) {
  std::vector<std::uint32_t> weights(static_cast<std::size_t>(members));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::uint32_t>(1 + i % 5);
  return weights;
}

// Argument: endpoints, of weights 1 to 5.
void pick_endpoint(benchmark::State& state) {
  balance::WeightedRoundRobin turn(weights_of(state.range(0)));
  for (auto _ : Measured(state)) benchmark::DoNotOptimize(turn.pick());
}
BENCHMARK(pick_endpoint)->Arg(1)->Arg(3)->Arg(16)->Arg(256);

// The same where one that was tried before is left out.
void pick_another_endpoint(benchmark::State& state) {
  balance::WeightedRoundRobin turn(weights_of(state.range(0)));
  for (auto _ : Measured(state)) {
    auto another = turn.pick([](std::size_t member) { return member != 1; });
    benchmark::DoNotOptimize(another);
  }
}
BENCHMARK(pick_another_endpoint)->Arg(3)->Arg(16);

}  // namespace
}  // namespace sluice::micro
