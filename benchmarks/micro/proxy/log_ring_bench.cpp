#include "proxy/log_ring.hpp"

#include <benchmark/benchmark.h>

#include <array>

#include "measured.hpp"
#include "proxy/samples.hpp"

namespace sluice::micro {
namespace {

// What it costs a shard to hand a line over.
void push_log_line(benchmark::State& state) {
  std::array<char, proxy::log_line_bytes_max> line;
  const std::size_t bytes = proxy::write_log_line(line, usual_log_entry(), proxy::LogLayout());
  proxy::LogRing ring(1 << 20);
  bool is_half_full = false;
  for (auto _ : Measured(state)) {
    if (!ring.push({line.data(), bytes}, is_half_full)) state.SkipWithError("full");
    if (is_half_full) {
      auto [first, second] = ring.peek();
      ring.pop(first.size() + second.size());
    }
  }
}
BENCHMARK(push_log_line);

}  // namespace
}  // namespace sluice::micro
