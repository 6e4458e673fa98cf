#include "http/parser.hpp"

#include <benchmark/benchmark.h>

#include <string_view>

#include "http/samples.hpp"
#include "measured.hpp"

namespace sluice::micro {
namespace {

using http::HeadResult;
using http::HeadStatus;

void parse_request(benchmark::State& state, std::string_view bytes) {
  http::RequestHead head;
  for (auto _ : Measured(state)) {
    HeadResult result = http::parse_request_head(bytes, 0, {}, head);
    if (result.status != HeadStatus::complete) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK_CAPTURE(parse_request, small, small_request);
BENCHMARK_CAPTURE(parse_request, browser, browser_request);
BENCHMARK_CAPTURE(parse_request, big, big_request());

// The same in two pieces, of which the second completes it.
void parse_request_twice(benchmark::State& state) {
  http::RequestHead head;
  const std::size_t half = browser_request.size() / 2;
  for (auto _ : Measured(state)) {
    HeadResult first = http::parse_request_head(browser_request.substr(0, half), 0, {}, head);
    HeadResult second = http::parse_request_head(browser_request, half, {}, head);
    if (first.status != HeadStatus::partial || second.status != HeadStatus::complete) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(parse_request_twice);

void parse_response(benchmark::State& state, std::string_view bytes) {
  http::ResponseHead head;
  for (auto _ : Measured(state)) {
    HeadResult result = http::parse_response_head(bytes, 0, {}, http::Method::get, head);
    if (result.status != HeadStatus::complete) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK_CAPTURE(parse_response, small, small_response);
BENCHMARK_CAPTURE(parse_response, application, application_response);

}  // namespace
}  // namespace sluice::micro
