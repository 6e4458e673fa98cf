#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "route/table.hpp"

namespace sluice::route {
namespace {

Route route_to(std::string host, std::string_view pattern) {
  Route route;
  route.host = std::move(host);
  route.path = Path::parse(pattern).value();
  return route;
}

// Prefixes, exact paths and templates of some hosts, and one route for everything else.
Table table_of(std::int64_t count) {
  std::vector<Route> routes{route_to("", "/*"), route_to("api.example.com", "/v1/catalogue/*"),
                            route_to("api.example.com", "/v1/users/{id}/pets/*"), route_to("*.example.com", "/shop/*")};
  for (std::int64_t i = 4; i < count; ++i) {
    std::string_view shape = i % 3 == 0 ? "/service{}/*" : i % 3 == 1 ? "/v1/service{}" : "/v1/service{}/{{id}}";
    routes.push_back(route_to(i % 2 == 0 ? "api.example.com" : "", fmt::format(fmt::runtime(shape), i)));
  }
  return Table(std::move(routes));
}

void match(benchmark::State& state, const Request& request) {
  const Table table = table_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(table.match(request));
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
  Route route;
  route.path_regex = Regex::compile("/v1/(?:catalogue|stock)/items/[0-9]+").value();
  const Table table(std::vector<Route>{route});
  const Request request{.host = "api.example.com", .path = "/v1/catalogue/items/1234567"};
  for (auto _ : state) benchmark::DoNotOptimize(table.match(request));
}
BENCHMARK(match_expression);

}  // namespace
}  // namespace sluice::route
