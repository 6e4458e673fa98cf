#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace sluice::micro {

// What: the loop that a benchmark measures, in place of the library's own: `for (auto _ : Measured(state))`. `allocs`
//       in its report is how often one iteration asked the general heap for memory, on average.
// Lifetime: of that loop.
// Invariants: nothing but iterations is between the two readings. An instruction counter finds the iterations between
//             the calls of sluice_micro_loop_begins and sluice_micro_loop_ends; their count is then the environment's
//             (SLUICE_MICRO_ITERATIONS) and not the library's, so that two runs do the same.
class Measured {
  struct [[maybe_unused]] Value {};
  struct Sentinel {};
  class Iterator {
   public:
    explicit Iterator(Measured& loop) : loop_(loop) {}
    Value operator*() const { return {}; }
    Iterator& operator++() {
      --left_;
      return *this;
    }
    bool operator!=(Sentinel) {
      if (left_ != 0) [[likely]]
        return true;
      left_ = loop_.next_batch();
      return left_ != 0;
    }

   private:
    Measured& loop_;
    benchmark::IterationCount left_ = 0;
  };

 public:
  explicit Measured(benchmark::State& state);
  ~Measured();
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;

  Iterator begin() { return Iterator(*this); }
  Sentinel end() { return {}; }

 private:
  // Iterations to come, 0 at the end. Returned and not stored: a counter in a register costs the loop nothing.
  benchmark::IterationCount next_batch();

  benchmark::State& state_;
  benchmark::IterationCount batch_;
  std::uint64_t before_ = 0;
  std::uint64_t after_ = 0;
  bool has_begun_ = false;
};

}  // namespace sluice::micro
