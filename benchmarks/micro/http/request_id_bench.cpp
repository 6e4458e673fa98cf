#include "http/request_id.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "measured.hpp"

namespace sluice::micro {
namespace {

void make_request_id(benchmark::State& state) {
  std::array<char, http::request_id_bytes> out;
  std::uint64_t n = 0;
  for (auto _ : Measured(state)) {
    ++n;
    benchmark::DoNotOptimize(http::format_request_id(1'700'000'000'000 + n, 77, n * 0x9e3779b9U, out));
  }
}
BENCHMARK(make_request_id);

}  // namespace
}  // namespace sluice::micro
