#include <benchmark/benchmark.h>

#include <cstddef>

#include "measured.hpp"
#include "memory/block_pool.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::micro {
namespace {

void take_block(benchmark::State& state) {
  memory::BlockPool pool(16 * 1024, 64);
  memory::Block warm = pool.take();
  warm.reset();
  for (auto _ : Measured(state)) {
    memory::Block block = pool.take();
    benchmark::DoNotOptimize(block.data());
  }
}
BENCHMARK(take_block);

// Argument: bytes of the frame of a coroutine.
void take_frame(benchmark::State& state) {
  memory::FramePool& pool = memory::FramePool::of_this_thread();
  const auto bytes = static_cast<std::size_t>(state.range(0));
  pool.release(pool.allocate(bytes), bytes);
  for (auto _ : Measured(state)) {
    void* frame = pool.allocate(bytes);
    benchmark::DoNotOptimize(frame);
    pool.release(frame, bytes);
  }
}
BENCHMARK(take_frame)->Arg(200)->Arg(9000);

}  // namespace
}  // namespace sluice::micro
