#include "http/date.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "measured.hpp"

namespace sluice::micro {
namespace {

// Once a second.
void make_date(benchmark::State& state) {
  std::array<char, http::date_bytes> out;
  std::int64_t second = 1'700'000'000;
  for (auto _ : Measured(state)) {
    http::format_date(++second, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(make_date);

}  // namespace
}  // namespace sluice::micro
