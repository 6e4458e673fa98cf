#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/assert.hpp"
#include "http/samples.hpp"
#include "http/writer.hpp"
#include "measured.hpp"
#include "proxy/compile.hpp"
#include "proxy/configured.hpp"
#include "proxy/samples.hpp"

// What header edits cost beside writing the same head without them (write_request, write_response).
namespace sluice::micro {
namespace {

constexpr std::string_view edited = R"(
[request_headers]
set = { "X-Gateway" = "{listener}", "X-Real-IP" = "{client}" }
add = { "X-Scheme" = "{scheme}" }
remove = ["X-Internal", "Upgrade-Insecure-Requests"]
[response_headers]
set = { "Strict-Transport-Security" = "max-age=31536000", "X-Frame-Options" = "DENY" }
add = { "X-Served-For" = "{host}" }
remove = ["Server", "X-Powered-By"]
[[route]]
name = "catalogue"
path = "/v1/*"
upstream = "api"
request_headers = { set = { "X-Route" = "{route}", "X-Origin-Host" = "https://{host}/" }, remove = ["Cookie"] }
response_headers = { set = { "Cache-Control" = "no-store" } }
)";

std::unique_ptr<proxy::Snapshot> snapshot_with_edits() {
  return proxy::compile(configuration_with(edited), {.shards = 1, .max_connections = 1000});
}

http::Variables usual_variables() {
  http::Variables variables;
  variables.set(http::Variable::client, "192.0.2.17");
  variables.set(http::Variable::peer, "192.0.2.17");
  variables.set(http::Variable::host, "api.example.com");
  variables.set(http::Variable::request_id, sample_request_id);
  variables.set(http::Variable::scheme, "http");
  variables.set(http::Variable::listener, "public");
  return variables;
}

void edit_request(benchmark::State& state) {
  const auto snapshot = snapshot_with_edits();
  const http::RequestHead head = parsed_request(browser_request);
  const route::Route* route = snapshot->routes.match({.host = head.host.host, .path = head.path});
  SLUICE_ASSERT(route != nullptr && !route->request_edits.is_empty());
  std::array<char, 4096> out;
  for (auto _ : Measured(state)) {
    const http::Variables variables = usual_variables();
    http::RequestForward forward = usual_forward(head, snapshot->forwarding);
    forward.changes = {&route->request_edits, &variables};
    http::Writer writer(out);
    http::write_request_head(writer, head, forward);
    if (writer.overflowed()) state.SkipWithError("does not fit");
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(edit_request);

void edit_response(benchmark::State& state) {
  const auto snapshot = snapshot_with_edits();
  const http::ResponseHead head = parsed_response(application_response);
  const route::Route* route = snapshot->routes.match({.host = "api.example.com", .path = "/v1/catalogue"});
  SLUICE_ASSERT(route != nullptr && !route->response_edits.is_empty());
  std::array<char, 4096> out;
  for (auto _ : Measured(state)) {
    const http::Variables variables = usual_variables();
    http::ResponseForward forward = usual_forward(head);
    forward.changes = {&route->response_edits, &variables};
    http::Writer writer(out);
    http::write_response_head(writer, head, forward);
    if (writer.overflowed()) state.SkipWithError("does not fit");
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(edit_response);

}  // namespace
}  // namespace sluice::micro
