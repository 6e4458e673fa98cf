#include "route/rewrite.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "measured.hpp"
#include "proxy/configured.hpp"
#include "route/table.hpp"

namespace sluice::micro {
namespace {

// The target of a request by what a route says of it: the keys `rewrite` and `path`.
void rewrite_target(benchmark::State& state, std::string_view keys) {
  const std::string route_text = "[[route]]\nupstream = \"api\"\n" + std::string(keys);
  const route::Table table = configuration_with(route_text).route_table(1);
  const std::string_view path = "/v1/users/1234567/pets/8";
  const route::Route* route = table.match({.host = "api.example.com", .path = path});
  SLUICE_ASSERT(route != nullptr);
  std::array<char, 512> memory;
  for (auto _ : Measured(state)) {
    const route::Rewriting rewriting(*route, path, "?page=3&sort=price", 0);
    auto target = rewriting.apply(memory, true);
    if (!target) state.SkipWithError("refused");
    benchmark::DoNotOptimize(target);
  }
}
BENCHMARK_CAPTURE(rewrite_target, prefix, R"(path = "/v1/*"
rewrite = { prefix = "/api/v2" })");
BENCHMARK_CAPTURE(rewrite_target, template, R"(path = "/v1/users/{id}/pets/*"
rewrite = { path = "/pets-of/{id}", query = "user={id}" })");

void strip_prefix(benchmark::State& state) {
  for (auto _ : Measured(state)) {
    std::string_view path = "/v1/catalogue/items/1234567";
    benchmark::DoNotOptimize(path);
    benchmark::DoNotOptimize(route::strip_prefix(path, "/v1"));
  }
}
BENCHMARK(strip_prefix);

}  // namespace
}  // namespace sluice::micro
