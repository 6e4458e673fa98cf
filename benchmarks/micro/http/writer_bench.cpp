#include "http/writer.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string_view>

#include "http/samples.hpp"
#include "measured.hpp"
#include "proxy/forwarding_settings.hpp"
#include "proxy/samples.hpp"

namespace sluice::micro {
namespace {

// The head that goes upstream, as an exchange without header edits writes it.
void write_request(benchmark::State& state, std::string_view bytes) {
  const http::RequestHead head = parsed_request(bytes);
  const proxy::ForwardingRules rules{proxy::ForwardingSettings()};
  std::array<char, 16 * 1024> out;
  for (auto _ : Measured(state)) {
    http::Writer writer(out);
    http::write_request_head(writer, head, usual_forward(head, rules));
    if (writer.overflowed()) state.SkipWithError("does not fit");
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_request, small, small_request);
BENCHMARK_CAPTURE(write_request, browser, browser_request);
BENCHMARK_CAPTURE(write_request, big, big_request());

void write_response(benchmark::State& state, std::string_view bytes) {
  const http::ResponseHead head = parsed_response(bytes);
  std::array<char, 4096> out;
  for (auto _ : Measured(state)) {
    http::Writer writer(out);
    http::write_response_head(writer, head, usual_forward(head));
    if (writer.overflowed()) state.SkipWithError("does not fit");
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_response, small, small_response);
BENCHMARK_CAPTURE(write_response, application, application_response);

}  // namespace
}  // namespace sluice::micro
