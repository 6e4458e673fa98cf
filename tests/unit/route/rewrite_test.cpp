#include "route/rewrite.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/document.hpp"
#include "route/route.hpp"

namespace sluice::route {
namespace {

Route route_of(std::string_view keys) {
  config::Problems problems("t");
  auto root = config::parse_document(fmt::format("route = {{ upstream = \"u\", {} }}", keys), problems);
  REQUIRE(root.has_value());
  RouteSettings settings;
  config::read(config::Cursor(*root->find("route"), "[[route]]", problems), route_keys, settings);
  check_routes(std::span(&settings, 1), problems);
  REQUIRE(fmt::format("{}", fmt::join(problems.lines(), "\n")) == "");
  return compile(settings, 1);
}

// The new target, or the name of the error.
std::string rewritten(const Route& route, std::string_view path, std::string_view query, bool merge_slashes = true) {
  const Rewriting rewriting(route, path, query, 0);
  std::string memory(rewriting.memory_bytes(), '#');
  auto target = rewriting.apply(memory, merge_slashes);
  if (!target) return std::string(http::to_string(target.error()));
  CHECK(target->path.size() + target->query.size() <= rewriting.target_bytes());
  return std::string(target->path) + std::string(target->query);
}

TEST_CASE("targets are rewritten") {
  struct Row {
    std::string_view keys;
    std::string_view path;
    std::string_view query;
    std::string_view expected;
  };
  constexpr std::string_view prefix = R"(path = "/v1/*", rewrite = { prefix = "/v2" })";
  constexpr std::string_view away = R"(path = "/v1/*", rewrite = { prefix = "/" })";
  constexpr std::string_view longer = R"(path = "/*", rewrite = { prefix = "/all/of/it" })";
  constexpr std::string_view named = R"(path = "/{tenant}/api/*", rewrite = { prefix = "/t/{tenant}" })";
  constexpr std::string_view whole = R"(path = "/users/{id}", rewrite = { path = "/u/{id}.json" })";
  constexpr std::string_view swapped = R"(path = "/{a}/{b}/*", rewrite = { path = "/{b}/{a}{b}" })";
  constexpr std::string_view into_query = R"(path = "/users/{id}", rewrite = { path = "/u", query = "id={id}&x=1" })";
  constexpr std::string_view no_query = R"(rewrite = { query = "" })";
  constexpr std::string_view stripped = R"(path = "/v1/*", strip_prefix = "/v1", rewrite = { query = "v=1" })";
  constexpr std::string_view expression = R"(path_regex = "/(?P<a>[^/]*)(/.*)?", rewrite = { path = "/x/{2}/{a}" })";
  constexpr std::string_view split = R"re(path_regex = "/(.*)-(.*)", rewrite = { path = "/{1}/{2}" })re";
  const std::vector<Row> rows{
      {prefix, "/v1/a", "?q", "/v2/a?q"},
      {prefix, "/v1", "", "/v2"},
      {prefix, "/v1/", "", "/v2/"},
      {prefix, "/v1/a%2Fb/", "", "/v2/a%2Fb/"},
      {away, "/v1/a", "", "/a"},
      {away, "/v1", "?", "/?"},
      {away, "/v1/", "", "/"},
      {longer, "/", "", "/all/of/it/"},
      {longer, "/x", "", "/all/of/it/x"},
      {named, "/acme/api/x", "", "/t/acme/x"},
      {named, "/a%20b/api", "", "/t/a%20b"},
      {named, "/api/api/", "", "/t/api/"},
      {whole, "/users/7", "?q=1", "/u/7.json?q=1"},
      {whole, "/users/...", "", "/u/....json"},
      {swapped, "/x/y/z/z", "", "/y/xy"},
      {swapped, "/x/y", "", "/y/xy"},
      {into_query, "/users/7", "?old", "/u?id=7&x=1"},
      {into_query, "/users/7&admin=1;b+c", "", "/u?id=7%26admin%3D1%3Bb%2Bc&x=1"},
      {into_query, "/users/%26a", "", "/u?id=%26a&x=1"},
      {no_query, "/a/b", "?q=1", "/a/b"},
      {no_query, "/", "", "/"},
      {stripped, "/v1/a", "?q", "/a?v=1"},
      {stripped, "/v1", "", "/?v=1"},
      {expression, "/a/b/c", "", "/x/b/c/a"},
      {expression, "/a", "", "/x/a"},
      {expression, "/", "", "/x/"},
      {split, "/a-b", "", "/a/b"},
      // What an expression's groups cannot be put together to.
      {split, "/a-..", "", "dot_segment"},
      {split, "/.-a", "", "dot_segment"},
      {split, "/..-", "", "dot_segment"},
      {split, "/a-..%2Fb", "", "hidden_dots"},
      {split, "/a-..;b", "", "hidden_dots"},
      {R"re(path_regex = "/(.*)2F(.*)", rewrite = { path = "/{1}/{2}" })re", "/a%2Fb", "", "bad_escape"},
      {R"re(path_regex = "/(.*)x(.*)", rewrite = { path = "/{1}{2}" })re", "/%x41", "", "/A"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.keys);
    CAPTURE(row.path);
    Route route = route_of(row.keys);
    CHECK(route.rewrite.is_given());
    CHECK(rewritten(route, row.path, row.query) == row.expected);
  }
}

TEST_CASE("a new path never begins with two slashes, whether others are merged or not") {
  Route away = route_of(R"(path = "/v1/*", rewrite = { prefix = "/" })");
  Route prefix = route_of(R"(path = "/v1/*", rewrite = { prefix = "/v2" })");
  Route expression = route_of(R"re(path_regex = "/x(.*)", rewrite = { path = "/{1}" })re");
  CHECK(rewritten(away, "/v1//evil.example/x", "", false) == "/evil.example/x");
  CHECK(rewritten(prefix, "/v1//a", "", false) == "/v2//a");
  CHECK(rewritten(prefix, "/v1//a", "", true) == "/v2/a");
  CHECK(rewritten(expression, "/x//evil.example//y", "", false) == "/evil.example//y");
  CHECK(rewritten(expression, "/x//evil.example//y", "", true) == "/evil.example/y");
}

TEST_CASE("most routes rewrite nothing") {
  CHECK_FALSE(route_of(R"(path = "/v1/*")").rewrite.is_given());
  CHECK_FALSE(route_of(R"(path = "/v1/*", strip_prefix = "/v1")").rewrite.is_given());
}

TEST_CASE("the size of a target is known before it is written") {
  Route route = route_of(R"(path = "/{a}", rewrite = { path = "/{a}{a}", query = "{a}" })");
  CHECK(Rewriting(route, "/1234", "?ignored", 0).target_bytes() == 1 + 8 + 1 + 4);
  CHECK(Rewriting(route, "/&&", "", 0).target_bytes() == 1 + 4 + 1 + 6);
}

TEST_CASE("captures of a template are its segments") {
  Route route = route_of(R"(path = "/{a}/x/{b}/*")");
  Captures captures = capture(route, "/1/x/%2F/3", 0);
  REQUIRE(captures.count() == 2);
  CHECK(captures[0] == "1");
  CHECK(captures[1] == "%2F");
  CHECK(capture(route_of(R"(path = "/x/*")"), "/x/y", 0).count() == 0);
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
