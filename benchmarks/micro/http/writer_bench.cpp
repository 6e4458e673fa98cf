#include "http/writer.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string_view>

#include "http/samples.hpp"
#include "measured.hpp"
#include "proxy/forwarding_settings.hpp"

namespace sluice::micro {
namespace {

// The head that goes upstream, as an exchange without header edits writes it.
void write_request(benchmark::State& state, std::string_view bytes) {
  const http::RequestHead head = parsed_request(bytes);
  const proxy::ForwardingRules rules{proxy::ForwardingSettings()};
  std::array<char, 16 * 1024> out;
  for (auto _ : Measured(state)) {
    http::RequestForward forward;
    forward.path = head.path;
    forward.query = head.query;
    forward.host = head.authority;
    forward.peer_address = forward.client_address = "192.0.2.17";
    forward.scheme = forward.client_scheme = "http";
    forward.request_id = sample_request_id;
    forward.framing = head.framing;
    forward.hop_field = rules.client_from;
    forward.identity = &rules.identity;
    http::Writer writer(out);
    http::write_request_head(writer, head, forward);
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
    http::ResponseForward forward;
    forward.date = sample_date;
    forward.request_id = sample_request_id;
    forward.framing = head.framing;
    http::Writer writer(out);
    http::write_response_head(writer, head, forward);
    if (writer.overflowed()) state.SkipWithError("does not fit");
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_response, small, small_response);
BENCHMARK_CAPTURE(write_response, application, application_response);

}  // namespace
}  // namespace sluice::micro
