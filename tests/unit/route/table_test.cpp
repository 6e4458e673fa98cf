#include "route/table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/random.hpp"

namespace sluice::route {
namespace {

Route route_to(std::string_view host, std::string_view pattern) {
  bool is_prefix = pattern.ends_with("/*");
  std::string path(is_prefix ? pattern.substr(0, pattern.size() - 2) : pattern);
  Route route;
  route.name = std::string(host) + std::string(pattern);
  route.host = host;
  route.path = {path, is_prefix};
  return route;
}

struct Pattern {
  std::string_view host;
  std::string_view path;
};
Table table_of(const std::vector<Pattern>& patterns) {
  std::vector<Route> routes;
  routes.reserve(patterns.size());
  for (const Pattern& pattern : patterns) routes.push_back(route_to(pattern.host, pattern.path));
  return Table(std::move(routes));
}

std::string_view matched(const Table& table, std::string_view host, std::string_view path) {
  const Route* route = table.match(host, path);
  return route == nullptr ? "-" : std::string_view(route->name);
}

TEST_CASE("the most specific route wins, whatever the order in the file") {
  std::vector<Pattern> patterns{{"", "/v1/*"},    {"", "/v1/users/*"}, {"", "/v1/users"},  {"", "/v1x"},
                                {"a.b", "/v1/*"}, {"a.b", "/only"},    {"c", "/*"},        {"d", "/x/"},
                                {"d", "/x"},      {"e", "/"},          {"[::1]", "/v6/*"}, {"f", "/p%2Fq/*"},
                                {"f", "/p/*"},    {"f", "/p/q/r/*"}};
  struct Row {
    std::string_view host;
    std::string_view path;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      // prefix, by whole segments, itself included
      {"", "/v1", "/v1/*"},
      {"", "/v1/", "/v1/*"},
      {"", "/v1/a", "/v1/*"},
      {"", "/v1/a/b/c", "/v1/*"},
      {"", "/v1//a", "/v1/*"},
      {"", "/v1x", "/v1x"},
      {"", "/v1y", "-"},
      {"", "/v1x/", "-"},
      {"", "/V1", "-"},
      {"", "/v", "-"},
      {"", "/", "-"},
      // exact before prefix, the longer prefix before the shorter
      {"", "/v1/users", "/v1/users"},
      {"", "/v1/users/", "/v1/users/*"},
      {"", "/v1/users/7", "/v1/users/*"},
      {"", "/v1/usersx", "/v1/*"},
      {"other", "/v1/users", "/v1/users"},
      // the host's own routes first, even when those of any host are more exact
      {"a.b", "/v1", "a.b/v1/*"},
      {"a.b", "/v1/users", "a.b/v1/*"},
      {"a.b", "/only", "a.b/only"},
      // none of the host's own matches: any host
      {"a.b", "/v1x", "/v1x"},
      {"a.b", "/only/", "-"},
      {"a.b", "/", "-"},
      {"c", "/v1/users", "c/*"},
      {"c", "/", "c/*"},
      {"a.bc", "/only", "-"},
      {"a", "/only", "-"},
      {"A.B", "/only", "-"},
      {"", "/only", "-"},
      // exact paths are exact
      {"d", "/x", "d/x"},
      {"d", "/x/", "d/x/"},
      {"d", "/x//", "-"},
      {"d", "/x/y", "-"},
      {"e", "/", "e/"},
      {"e", "/x", "-"},
      {"e", "//", "-"},
      {"[::1]", "/v6/a", "[::1]/v6/*"},
      {"f", "/p%2Fq", "f/p%2Fq/*"},
      {"f", "/p/q", "f/p/*"},
      {"f", "/p/q/r", "f/p/q/r/*"},
      {"f", "/p/q/rs", "f/p/*"},
      // no path at all
      {"c", "", "-"},
      {"c", "*", "-"},
      {"c", "v1", "-"},
  };
  Random random(3);
  for (int order = 0; order < 20; ++order) {
    Table table = table_of(patterns);
    for (const Row& row : rows) {
      CAPTURE(row.host);
      CAPTURE(row.path);
      CHECK(matched(table, row.host, row.path) == row.expected);
    }
    for (std::size_t i = patterns.size(); i > 1; --i) std::swap(patterns[i - 1], patterns[random.below(i)]);
  }
}

TEST_CASE("an empty table matches nothing, a copied and a moved one the same as before") {
  CHECK(matched(Table(), "a", "/") == "-");
  Table table = table_of({{"a", "/x/*"}, {"", "/*"}});
  Table copy = table;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the point
  Table moved = std::move(table);
  for (const Table* each : {&copy, &moved}) {
    CHECK(matched(*each, "a", "/x/y") == "a/x/*");
    CHECK(matched(*each, "a", "/y") == "/*");
    REQUIRE(each->routes().size() == 2);
    CHECK(each->match("", "/") == &each->routes()[1]);
    CHECK(each->routes()[1].index == 1);
  }
}

// What the table is to compute, said as a walk over all routes.
const Route* match_slowly(const std::vector<Route>& routes, std::string_view host, std::string_view path) {
  const Route* best = nullptr;
  auto rank = [](const Route& route) {
    return std::tuple(!route.host.empty(), !route.path.is_prefix, route.path.path.size());
  };
  for (const Route& route : routes) {
    const std::string& own = route.path.path;
    bool is_below = path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/');
    if (!route.host.empty() && route.host != host) continue;
    if (route.path.is_prefix ? !is_below : path != own) continue;
    if (best == nullptr || rank(route) > rank(*best)) best = &route;
  }
  return best;
}

TEST_CASE("random tables agree with a walk over all routes") {
  Random random(11);
  auto random_path = [&] {
    std::string path;
    for (std::uint64_t depth = random.below(5); depth != 0; --depth) path += fmt::format("/{}", random.below(3));
    return path;
  };
  for (int round = 0; round < 60; ++round) {
    std::vector<Route> routes;
    for (std::uint64_t count = random.below(120); count != 0; --count) {
      std::string pattern = random_path() + (random.one_in(2) ? "/*" : "");
      if (pattern.empty()) continue;
      Route route = route_to(random.one_in(2) ? "" : fmt::format("h{}", random.below(3)), pattern);
      auto is_same = [&](const Route& other) { return other.host == route.host && other.path == route.path; };
      if (std::ranges::none_of(routes, is_same)) routes.push_back(route);
    }
    Table table(routes);
    for (int i = 0; i < 300; ++i) {
      std::string host = random.one_in(4) ? "" : fmt::format("h{}", random.below(4));
      std::string path = random_path() + (random.one_in(4) ? "/" : "");
      if (path.empty()) path = "/";
      CAPTURE(host);
      CAPTURE(path);
      const Route* expected = match_slowly(routes, host, path);
      const Route* found = table.match(host, path);
      REQUIRE((found == nullptr) == (expected == nullptr));
      if (found != nullptr) CHECK(found->index == static_cast<std::uint32_t>(expected - routes.data()));
    }
  }
}

TEST_CASE("ten thousand routes are each found") {
  std::vector<Route> routes;
  routes.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) {
    routes.push_back(
        route_to(fmt::format("host{}.example", i % 100), fmt::format("/service{}/v1{}", i, i % 2 == 0 ? "/*" : "")));
  }
  Table table(std::move(routes));
  for (int i = 0; i < 10'000; ++i) {
    const Route* route = table.match(fmt::format("host{}.example", i % 100), fmt::format("/service{}/v1", i));
    REQUIRE(route != nullptr);
    CHECK(route->index == static_cast<std::uint32_t>(i));
    CHECK(table.match(fmt::format("host{}.example", (i + 1) % 100), fmt::format("/service{}/v1", i)) == nullptr);
  }
}

TEST_CASE("the stripped path is never empty and never starts with two slashes") {
  struct Row {
    std::string_view path;
    std::string_view prefix;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"/v1/users", "/v1", "/users"},
      {"/v1/users/", "/v1", "/users/"},
      {"/v1", "/v1", "/"},
      {"/v1/", "/v1", "/"},
      {"/v1//", "/v1", "/"},
      {"/v1//evil.example/x", "/v1", "/evil.example/x"},
      {"/v1///a//b", "/v1", "/a//b"},
      {"/a/b/c", "/a/b", "/c"},
      {"/a/b", "", "/a/b"},
      {"/", "", "/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(strip_prefix(row.path, row.prefix) == row.expected);
  }
}

}  // namespace
}  // namespace sluice::route
