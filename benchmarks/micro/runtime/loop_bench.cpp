#include "runtime/loop.hpp"

#include <benchmark/benchmark.h>

#include "measured.hpp"

namespace sluice::micro {
namespace {

// A turn of a loop that has nothing to do: the price of going to the kernel.
void idle_turn(benchmark::State& state) {
  auto loop = runtime::Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  (*loop)->turn((*loop)->now());
  for (auto _ : Measured(state)) (*loop)->turn((*loop)->now());
}
BENCHMARK(idle_turn);

}  // namespace
}  // namespace sluice::micro
