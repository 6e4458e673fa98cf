#include "measured.hpp"

#include <cstdlib>

#include "memory/heap.hpp"

// Of their own name in the symbol table, whatever the linker inlines elsewhere.
extern "C" {
[[gnu::noinline]] std::uint64_t sluice_micro_loop_begins() {
  asm volatile("");
  return sluice::memory::heap_allocations_of_this_thread();
}
[[gnu::noinline]] std::uint64_t sluice_micro_loop_ends() {
  asm volatile("" ::: "memory");
  return sluice::memory::heap_allocations_of_this_thread();
}
}

namespace sluice::micro {

namespace {

benchmark::IterationCount batch_size(benchmark::IterationCount library_wants) {
  const char* text = std::getenv("SLUICE_MICRO_ITERATIONS");
  const long wanted = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return wanted > 0 ? wanted : library_wants;
}

}  // namespace

Measured::Measured(benchmark::State& state) : state_(state), batch_(batch_size(state.max_iterations)) {}

Measured::~Measured() {
  if (!has_begun_) return;
  state_.counters["allocs"] =
      benchmark::Counter(static_cast<double>(after_ - before_), benchmark::Counter::kAvgIterations);
}

benchmark::IterationCount Measured::next_batch() {
  if (has_begun_) after_ = sluice_micro_loop_ends();
  if (!state_.KeepRunningBatch(batch_)) return 0;
  if (!has_begun_) before_ = sluice_micro_loop_begins();
  has_begun_ = true;
  return batch_;
}

}  // namespace sluice::micro
