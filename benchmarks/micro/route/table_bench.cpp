#include "route/table.hpp"

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "http/samples.hpp"
#include "measured.hpp"
#include "proxy/configured.hpp"

namespace sluice::micro {
namespace {

using route::Request;
using route::Route;
using route::Table;

Route route_to(std::string host, std::string_view pattern) {
  Route route;
  route.host = std::move(host);
  route.path = route::Path::parse(pattern).value();
  return route;
}

// Prefixes, exact paths and templates of some hosts, and one route for everything else.
const Table& table_of(std::int64_t count) {
  static std::map<std::int64_t, Table> tables;
  if (auto known = tables.find(count); known != tables.end()) return known->second;
  std::vector<Route> routes{route_to("", "/*"), route_to("api.example.com", "/v1/catalogue/*"),
                            route_to("api.example.com", "/v1/users/{id}/pets/*"), route_to("*.example.com", "/shop/*")};
  for (std::int64_t i = 4; i < count; ++i) {
    std::string_view shape = i % 3 == 0 ? "/service{}/*" : i % 3 == 1 ? "/v1/service{}" : "/v1/service{}/{{id}}";
    routes.push_back(route_to(i % 2 == 0 ? "api.example.com" : "", fmt::format(fmt::runtime(shape), i)));
  }
  return tables.emplace(count, Table(std::move(routes))).first->second;
}

// Argument: routes.
void match(benchmark::State& state, Request request) {
  const Table& table = table_of(state.range(0));
  benchmark::DoNotOptimize(request);  // the compiler knows it otherwise
  for (auto _ : Measured(state)) {
    const Route* found = table.match(request);
    if (found == nullptr) state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}
constexpr Request prefix{.host = "api.example.com", .path = "/v1/catalogue/items/1234567"};
constexpr Request everything{.host = "127.0.0.1", .path = "/v1/small"};
constexpr Request template_{.host = "api.example.com", .path = "/v1/users/1234567/pets/8"};
constexpr Request wildcard{.host = "eu.www.example.com", .path = "/shop/cart"};
BENCHMARK_CAPTURE(match, prefix, prefix)->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(match, everything, everything)->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(match, template, template_)->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(match, wildcard, wildcard)->Arg(10)->Arg(10'000);

void match_expression(benchmark::State& state) {
  const Table table = configuration_with(R"(
[[route]]
path_regex = "/v1/(?:catalogue|stock)/items/[0-9]+"
upstream = "api"
)")
                          .route_table(1);
  Request request{.host = "api.example.com", .path = "/v1/catalogue/items/1234567"};
  benchmark::DoNotOptimize(request);
  static_cast<void>(table.match(request));  // the automaton then knows what comes
  for (auto _ : Measured(state)) {
    const Route* found = table.match(request);
    if (found == nullptr) state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(match_expression);

// A method, a field and a parameter decide, after a route that nearly fits.
void match_conditions(benchmark::State& state) {
  const Table table = configuration_with(R"(
[[route]]
path = "/v1/catalogue/*"
methods = ["GET"]
headers = [{ name = "sec-fetch-mode", value = "navigate" }, { name = "x-canary" }]
upstream = "api"
[[route]]
path = "/v1/catalogue/*"
methods = ["GET", "HEAD"]
headers = [{ name = "sec-fetch-mode", value = "navigate" }]
query = [{ name = "category", value = "books" }]
upstream = "api"
)")
                          .route_table(1);
  const http::RequestHead head = parsed_request(browser_request);
  const Request request{.host = head.host.host,
                        .path = head.path,
                        .method = head.method_text,
                        .query = head.query,
                        .fields = &head.fields};
  for (auto _ : Measured(state)) {
    const Route* found = table.match(request);
    if (found == nullptr) state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(match_conditions);

}  // namespace
}  // namespace sluice::micro
