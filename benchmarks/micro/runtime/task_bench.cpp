#include "runtime/task.hpp"

#include <benchmark/benchmark.h>

#include "measured.hpp"
#include "runtime/loop.hpp"

namespace sluice::micro {
namespace {

using runtime::Task;

Task<int> give(int value) { co_return value; }

Task<void> await_many(benchmark::State& state) {
  static_cast<void>(co_await give(0));  // the pool then has a frame of that size
  for (auto _ : Measured(state)) benchmark::DoNotOptimize(co_await give(1));
}

// One nested await: a frame, two symmetric transfers.
void nested_await(benchmark::State& state) {
  auto loop = runtime::Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  (*loop)->spawn("bench", await_many(state));
}
BENCHMARK(nested_await);

}  // namespace
}  // namespace sluice::micro
