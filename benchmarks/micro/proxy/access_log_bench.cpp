#include "proxy/access_log.hpp"

#include <benchmark/benchmark.h>

#include <array>

#include "measured.hpp"
#include "proxy/samples.hpp"

namespace sluice::micro {
namespace {

// A line of the layout that the configuration begins with, or of another one.
void write_log_line(benchmark::State& state, const proxy::LogLayout& layout) {
  proxy::AccessLogEntry entry = usual_log_entry();
  std::array<char, proxy::log_line_bytes_max> line;
  for (auto _ : Measured(state)) {
    ++entry.unix_ms;
    benchmark::DoNotOptimize(proxy::write_log_line(line, entry, layout));
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_log_line, json, proxy::LogLayout());
BENCHMARK_CAPTURE(write_log_line, combined,
                  proxy::LogLayout{.format = proxy::LogFormat::combined, .needs_referer = true});

}  // namespace
}  // namespace sluice::micro
