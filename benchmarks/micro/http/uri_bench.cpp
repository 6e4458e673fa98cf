#include "http/uri.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string_view>

#include "measured.hpp"

namespace sluice::micro {
namespace {

void normalize(benchmark::State& state, std::string_view path) {
  std::array<char, 256> out;
  for (auto _ : Measured(state)) {
    auto normalized = http::normalize_path(path, out);
    if (!normalized) state.SkipWithError("refused");
    benchmark::DoNotOptimize(normalized);
  }
}
BENCHMARK_CAPTURE(normalize, plain, "/v1/catalogue/items/1234567");
BENCHMARK_CAPTURE(normalize, escaped, "/v1/./catalogue/%69tems/../items/%e4");

void lower_host(benchmark::State& state) {
  std::array<char, http::host_bytes_max> out;
  for (auto _ : Measured(state)) {
    std::string_view host = "API.Example.com";
    benchmark::DoNotOptimize(host);
    benchmark::DoNotOptimize(http::lower_host(host, out));
  }
}
BENCHMARK(lower_host);

}  // namespace
}  // namespace sluice::micro
