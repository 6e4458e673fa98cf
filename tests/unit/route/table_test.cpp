#include "route/table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/random.hpp"
#include "config/document.hpp"
#include "memory/heap.hpp"
#include "route/reference_matcher.hpp"

namespace sluice::route {
namespace {

// The routes that the keys of [[route]], one route in each text, come to; the name is the text where none is given.
std::vector<Route> routes_of(const std::vector<std::string>& texts) {
  std::vector<Route> routes;
  config::Problems problems("t");
  for (const std::string& text : texts) {
    auto root = config::parse_document("route = { upstream = \"u\", " + text + " }", problems);
    REQUIRE_MESSAGE(root.has_value(), text);
    RouteSettings settings;
    config::read(config::Cursor(*root->find("route"), "[[route]]", problems), route_keys, settings);
    routes.push_back(compile(settings, 1));
    if (settings.name.value.empty()) routes.back().name = text;
  }
  REQUIRE(fmt::format("{}", fmt::join(problems.lines(), "\n")) == "");
  return routes;
}

struct Pattern {
  std::string_view host;
  std::string_view path;
};
std::vector<Route> routes_of(const std::vector<Pattern>& patterns) {
  std::vector<Route> routes;
  for (const auto& [host, path] : patterns) {
    auto pattern = Path::parse(path);
    REQUIRE_MESSAGE(pattern.has_value(), path);
    Route& route = routes.emplace_back();
    route.name = std::string(host) + std::string(path);
    route.host = host;
    route.path = *pattern;
  }
  return routes;
}

std::string_view matched(const Table& table, const Request& request) {
  const Route* route = table.match(request);
  return route == nullptr ? "-" : std::string_view(route->name);
}

const std::vector<Pattern> specific_patterns{{"", "/v1/*"},
                                             {"", "/v1/users/*"},
                                             {"", "/v1/users"},
                                             {"", "/v1x"},
                                             {"a.b", "/v1/*"},
                                             {"a.b", "/only"},
                                             {"c", "/*"},
                                             {"d", "/x/"},
                                             {"d", "/x"},
                                             {"e", "/"},
                                             {"[::1]", "/v6/*"},
                                             {"f", "/p%2Fq/*"},
                                             {"f", "/p/*"},
                                             {"f", "/p/q/r/*"},
                                             {"*.w", "/*"},
                                             {"*.v.w", "/v/*"},
                                             {"x.v.w", "/x"},
                                             {"*.v.w", "/x"},
                                             {"t", "/users/{id}"},
                                             {"t", "/users/me"},
                                             {"t", "/users/me/*"},
                                             {"t", "/users/{id}/*"},
                                             {"t", "/users/{id}/pets"},
                                             {"t", "/{kind}/{id}/pets/{pet}"},
                                             {"t", "/users/*"},
                                             {"t", "/{kind}/7/pets"},
                                             {"t", "/{kind}/"},
                                             {"t", "/deep/{a}/{b}/{c}/end"},
                                             {"t", "/deep/{a}/x/y/*"}};

struct SpecificRow {
  std::string_view host;
  std::string_view path;
  std::string_view expected;
};
const std::vector<SpecificRow> specific_rows{
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
    // wildcards: one label or more; the longer first; exact hosts before them, any host behind them
    {"u.w", "/a", "*.w/*"},
    {"t.u.w", "/a", "*.w/*"},
    {"w", "/a", "-"},
    {".w", "/a", "-"},
    {"uw", "/a", "-"},
    {"w.w", "/", "*.w/*"},
    {"u.v.w", "/v/a", "*.v.w/v/*"},
    {"u.v.w", "/a", "*.w/*"},
    {"v.w", "/v/a", "*.w/*"},
    {"s.u.v.w", "/v", "*.v.w/v/*"},
    {"x.v.w", "/x", "x.v.w/x"},
    {"y.v.w", "/x", "*.v.w/x"},
    {"x.v.w", "/v/a", "*.v.w/v/*"},
    {"x.v.w", "/a", "*.w/*"},
    {"u.w.x", "/v1", "/v1/*"},
    {"*.w", "/a", "*.w/*"},
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
    // templates: one segment that is not empty; what is written goes before a name, and that before the rest
    {"t", "/users/7", "t/users/{id}"},
    {"t", "/users/{}", "t/users/{id}"},
    {"t", "/users/me", "t/users/me"},
    {"t", "/users/me/", "t/users/me/*"},
    {"t", "/users/me/pets", "t/users/me/*"},
    {"t", "/users/7/pets", "t/users/{id}/pets"},
    {"t", "/users/8/pets", "t/users/{id}/pets"},
    {"t", "/users/8/pets/1", "t/users/{id}/*"},
    {"t", "/users/8/", "t/users/{id}/*"},
    {"t", "/users/", "t/users/*"},
    {"t", "/users", "t/users/*"},
    {"t", "/users//pets", "t/users/*"},
    {"t", "/cats/7/pets", "t/{kind}/7/pets"},
    {"t", "/cats/8/pets", "-"},
    {"t", "/cats/8/pets/1", "t/{kind}/{id}/pets/{pet}"},
    {"t", "/cats/7/pets/1", "t/{kind}/{id}/pets/{pet}"},
    {"t", "/cats/7/pets/", "-"},
    {"t", "//7/pets", "-"},
    {"t", "/cats/", "t/{kind}/"},
    {"t", "/cats", "-"},
    {"t", "/deep/1/x/y/end", "t/deep/{a}/x/y/*"},
    {"t", "/deep/1/x/z/end", "t/deep/{a}/{b}/{c}/end"},
    {"t", "/deep/1/x/z/and", "-"},
    // no path at all
    {"c", "", "-"},
    {"c", "*", "-"},
    {"c", "v1", "-"},
};

TEST_CASE("the most specific host and path win, whatever the order in the file") {
  std::vector<Pattern> patterns = specific_patterns;
  Random random(3);
  for (int order = 0; order < 20; ++order) {
    Table table(routes_of(patterns));
    for (const SpecificRow& row : specific_rows) {
      CAPTURE(row.host);
      CAPTURE(row.path);
      CHECK(matched(table, {.host = row.host, .path = row.path}) == row.expected);
    }
    for (std::size_t i = patterns.size(); i > 1; --i) std::swap(patterns[i - 1], patterns[random.below(i)]);
  }
}

TEST_CASE("among routes of one host and path the conditions decide, then the order in the file") {
  const Table table(routes_of(std::vector<std::string>{
      R"(name = "plain", path = "/a")",
      R"(name = "query", path = "/a", query = [{ name = "q", value = "1" }])",
      R"(name = "headers", path = "/a", headers = ["x-a", "x-b"])",
      R"(name = "header", path = "/a", headers = ["x-a"])",
      R"(name = "header-query", path = "/a", headers = ["x-a"], query = ["r"])",
      R"(name = "post", path = "/a", methods = ["POST", "PUT"])",
      R"(name = "post-later", path = "/a", methods = ["POST"])",
      R"(name = "post-header", path = "/a", methods = ["POST"], headers = ["x-c"])",
      R"(name = "below-get", path = "/*", methods = ["GET"])",
      R"(name = "only-put", path = "/b/c", methods = ["PUT"])",
      R"(name = "b", path = "/b/*", headers = [{ name = "x-b", value = "1" }])",
      R"(name = "host-delete", host = "h", path = "/a", methods = ["DELETE"])",
      R"(name = "wild-patch", host = "*.h", path = "/a", methods = ["PATCH"])",
  }));
  struct Row {
    std::string_view method;
    std::string_view target;
    std::vector<std::string_view> fields;  // names; each has the value 1
    std::string_view expected;
    std::string_view host = "other";
  };
  const std::vector<Row> rows{
      {"GET", "/a", {}, "plain"},
      {"GET", "/a?q=1", {}, "query"},
      {"GET", "/a?q=2", {}, "plain"},
      {"GET", "/a", {"x-a"}, "header"},
      {"GET", "/a?q=1", {"X-A"}, "header"},
      {"GET", "/a?r", {"x-a"}, "header-query"},
      {"GET", "/a?r", {"x-a", "x-b"}, "headers"},
      {"GET", "/a", {"x-b"}, "plain"},
      {"POST", "/a?r", {"x-a", "x-b"}, "post"},
      {"POST", "/a", {"x-c"}, "post-header"},
      {"PUT", "/a", {"x-c"}, "post"},
      {"POST", "/a", {}, "post"},
      {"post", "/a", {}, "plain"},
      // What fits but for its conditions gives way to the next path, and the next host.
      {"PUT", "/b/c", {}, "only-put"},
      {"GET", "/b/c", {"x-b"}, "b"},
      {"GET", "/b/c", {}, "below-get"},
      {"POST", "/b/c", {}, "-"},
      {"DELETE", "/a", {}, "host-delete", "h"},
      {"GET", "/a", {}, "plain", "h"},
      {"DELETE", "/a", {}, "plain", "x.h"},
      {"PATCH", "/a", {}, "wild-patch", "x.h"},
      {"PATCH", "/a", {}, "plain", "h"},
      {"HEAD", "/z", {}, "-"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method);
    CAPTURE(row.target);
    CAPTURE(row.expected);
    http::FieldList fields;
    for (std::string_view name : row.fields) fields.add(name, "1");
    std::size_t question = std::min(row.target.find('?'), row.target.size());
    CHECK(matched(table, {.host = row.host,
                          .path = row.target.substr(0, question),
                          .method = row.method,
                          .query = row.target.substr(question),
                          .fields = &fields}) == row.expected);
  }
}

TEST_CASE("expressions stand between the exact path and all others, in the order of the file") {
  const Table table(routes_of(std::vector<std::string>{
      R"(name = "prefix", path = "/users/*")",
      R"(name = "template", path = "/users/{id}")",
      R"(name = "digits", path_regex = "/users/[0-9]+")",
      R"(name = "sevens", path_regex = "/users/7+")",
      R"(name = "sevens-post", path_regex = "/users/7+", methods = ["POST"])",
      R"(name = "digits-put", path_regex = "/users/[0-9]+", methods = ["PUT"])",
      R"(name = "exact", path = "/users/77")",
      R"(name = "exact-get", path = "/users/78", methods = ["GET"])",
      R"(name = "put", path_regex = "/users/x", methods = ["PUT"])",
      R"(name = "host", host = "h", path = "/users/*")",
      R"re(name = "host-regex", host = "g", path_regex = "/[a-z]+/(?:.*)")re",
  }));
  struct Row {
    std::string_view method;
    std::string_view path;
    std::string_view expected;
    std::string_view host = "";
  };
  const std::vector<Row> rows{
      {"GET", "/users/1", "digits"},
      {"GET", "/users/777", "digits"},
      {"POST", "/users/777", "digits"},
      {"PUT", "/users/777", "digits-put"},
      {"PUT", "/users/77", "exact"},
      {"GET", "/users/78", "exact-get"},
      {"POST", "/users/78", "digits"},
      {"GET", "/users/me", "template"},
      {"GET", "/users/1/x", "prefix"},
      {"GET", "/users/x1", "template"},
      {"GET", "/x/users/1", "-"},
      {"PUT", "/users/x", "put"},
      {"GET", "/users/x", "template"},
      {"GET", "/users/1", "host", "h"},
      {"GET", "/users/1", "host-regex", "g"},
      {"GET", "/users/A/..b", "host-regex", "g"},
      {"GET", "/users", "prefix", "g"},
      {"GET", "/7", "-", "g"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method);
    CAPTURE(row.path);
    CHECK(matched(table, {.host = row.host, .path = row.path, .method = row.method}) == row.expected);
  }
}

TEST_CASE("an empty table matches nothing, a copied and a moved one the same as before") {
  CHECK(matched(Table(), {.host = "a", .path = "/"}) == "-");
  Table table(routes_of(std::vector<std::string>{R"(name = "x", host = "a", path = "/x/*")", R"(name = "all")",
                                                 R"(name = "regex", path_regex = "/r+")"}));
  Table copy = table;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the point
  Table moved = std::move(table);
  for (const Table* each : {&copy, &moved}) {
    CHECK(matched(*each, {.host = "a", .path = "/x/y"}) == "x");
    CHECK(matched(*each, {.host = "a", .path = "/y"}) == "all");
    CHECK(matched(*each, {.host = "a", .path = "/rr"}) == "regex");
    REQUIRE(each->routes().size() == 3);
    CHECK(each->match({.host = "", .path = "/"}) == &each->routes()[1]);
    CHECK(each->routes()[1].index == 1);
  }
}

// What: routes and requests in which many things nearly fit, from few words.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::string route() {
    std::string text = random_.one_in(6) ? fmt::format("path_regex = \"{}\"", pick(expressions)) : path_key();
    if (!random_.one_in(3)) text += fmt::format(", host = \"{}\"", pick(hosts));
    if (random_.one_in(3)) text += fmt::format(", methods = [\"{}\"]", pick(methods));
    if (random_.one_in(4)) text += fmt::format(", headers = [{}]", pick(headers));
    if (random_.one_in(4)) text += fmt::format(", query = [{}]", pick(queries));
    return text;
  }

  std::string path() {
    std::string text;
    for (std::uint64_t depth = random_.below(5); depth != 0; --depth) text += fmt::format("/{}", pick(words));
    return text.empty() || random_.one_in(5) ? text + "/" : text;
  }
  std::string_view host() { return pick(request_hosts); }
  std::string_view method() { return pick(methods); }
  std::string_view query() { return pick(request_queries); }
  http::FieldList fields() {
    http::FieldList list;
    for (std::uint64_t count = random_.below(3); count != 0; --count) {
      list.add(pick(field_names), random_.one_in(2) ? "1" : "2");
    }
    return list;
  }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  using Words = std::vector<std::string_view>;
  static inline const Words words{"a", "b", "ab", "", "a%2Fb"};
  static inline const Words hosts{"h", "x.h", "*.h", "*.x.h", "y.x.h"};
  static inline const Words request_hosts{"", "h", "x.h", "y.x.h", "z.y.x.h", "w.h", "other"};
  static inline const Words methods{"GET", "POST", "PUT"};
  static inline const Words expressions{"/a+", "/[ab]*/.*", "/.*", "/a/(b|ab)/?", "(?i)/A.*"};
  static inline const Words headers{R"("x-a")", R"({ name = "x-a", value = "1" }, "x-b")",
                                    R"({ name = "x-b", present = false })", R"({ name = "x-a", regex = "1, ?[12]" })"};
  static inline const Words queries{R"("q")", R"({ name = "q", value = "1" })", R"("q", { name = "r", regex = ".+" })"};
  static inline const Words request_queries{"", "?q", "?q=1", "?q=1&r=2", "?r=2&%71=%31"};
  static inline const Words field_names{"x-a", "X-B", "x-c"};

  std::string_view pick(const Words& from) { return from[random_.below(from.size())]; }
  std::string path_key() {
    std::string text;
    for (std::uint64_t depth = random_.below(4), name = 0; depth != 0; --depth) {
      std::string word(pick(words));
      if (random_.one_in(3)) word = fmt::format("{{n{}}}", name++);
      text += "/" + (word.empty() ? "a" : word);
    }
    if (text.empty() || random_.one_in(2)) text += "/*";
    return fmt::format("path = \"{}\"", text);
  }

  Random random_;
};

TEST_CASE("random tables agree with a walk over all routes") {
  Dice dice(11);
  std::size_t found = 0;
  for (int round = 0; round < 150; ++round) {
    std::vector<std::string> texts;
    for (std::uint64_t count = dice.below(60); count != 0; --count) texts.push_back(dice.route());
    std::ranges::sort(texts);
    texts.erase(std::ranges::unique(texts).begin(), texts.end());
    for (std::size_t i = texts.size(); i > 1; --i) std::swap(texts[i - 1], texts[dice.below(i)]);
    Table table(routes_of(texts));
    for (int i = 0; i < 200; ++i) {
      const std::string path = dice.path();
      const http::FieldList fields = dice.fields();
      const Request request{
          .host = dice.host(), .path = path, .method = dice.method(), .query = dice.query(), .fields = &fields};
      const Route* expected = reference::match(table.routes(), request);
      const Route* route = table.match(request);
      found += route != nullptr ? 1 : 0;
      if (route == expected) continue;
      CAPTURE(request.host);
      CAPTURE(path);
      FAIL_CHECK(matched(table, request), " in place of ", expected == nullptr ? "-" : expected->name);
    }
  }
  CHECK(found > 10'000);
}

std::vector<Pattern> pattern_views(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<Pattern> patterns;
  patterns.reserve(texts.size());
  for (const auto& [host, path] : texts) patterns.push_back({host, path});
  return patterns;
}

// `count` routes: exact paths, prefixes and templates, of hosts, wildcards and any host.
std::vector<Route> many_routes(int count) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (int i = 0; i < count; ++i) {
    std::string host = i % 3 == 0 ? "" : fmt::format("{}h{}.example.com", i % 3 == 1 ? "*." : "", i % 50);
    std::string path = fmt::format("/service{}/v1{}", i, i % 2 == 0 ? "/items/{id}" : i % 5 == 0 ? "/*" : "");
    texts.emplace_back(host, path);
  }
  return routes_of(pattern_views(texts));
}

struct Effort {
  std::uint64_t lookups = 0;
  std::uint64_t all = 0;
  std::uint64_t most = 0;  // of one request
};

// What ten routes of the table cost, asked for as they are and with a path that leads nowhere.
Effort effort_for_ten(const Table& table) {
  Effort effort;
  for (std::size_t i = 0; i < 10; ++i) {
    const Route& route = table.routes()[i];
    std::string host = route.host.starts_with('*') ? "x" + route.host.substr(1) : route.host;
    std::string path = route.path.path + (route.path.is_prefix ? "/more" : "");
    for (const std::string& each : {path, path + "/nowhere", std::string("/nowhere/at/all")}) {
      MatchSteps steps;
      const Route* found = table.match({.host = host, .path = each}, steps);
      if (each == path) CHECK(found == &route);
      effort.lookups += steps.lookups;
      effort.all += steps.sum();
      effort.most = std::max(effort.most, steps.sum());
    }
  }
  return effort;
}

TEST_CASE("ten thousand routes cost what ten cost") {
  const Effort few = effort_for_ten(Table(many_routes(10)));
  const Effort many = effort_for_ten(Table(many_routes(10'000)));
  CHECK(few.lookups == many.lookups);
  // Only the chains in the hash table differ, by chance.
  CHECK(many.all < 2 * few.all);
  CHECK(many.most <= 48);
  SUBCASE("also where all of them are templates that begin alike") {
    std::vector<std::pair<std::string, std::string>> texts;
    texts.reserve(10'000);
    for (int i = 0; i < 10'000; ++i) texts.emplace_back("", fmt::format("/{{tenant}}/{{user}}/r{}/{{item}}", i));
    const Table table(routes_of(pattern_views(texts)));
    MatchSteps steps;
    CHECK(table.match({.host = "a", .path = "/t/u/r9999/i"}, steps) == &table.routes()[9999]);
    CHECK(steps.sum() <= 12);
  }
}

TEST_CASE("conditions of routes that do not fit by path are not looked at") {
  std::vector<std::string> texts;
  texts.reserve(100);
  for (int i = 0; i < 100; ++i) texts.push_back(fmt::format("path = \"/p{}/*\", headers = [\"x-a\"]", i));
  const Table table(routes_of(texts));
  MatchSteps steps;
  CHECK(table.match({.host = "a", .path = "/p7/x"}, steps) == nullptr);
  CHECK(steps.candidates == 1);
  CHECK(steps.expressions == 0);
}

TEST_CASE("a match allocates nothing") {
  const Table table(routes_of(std::vector<std::string>{
      R"(host = "api.example.com", path = "/users/{id}/pets/*")",
      R"(host = "*.example.com", path = "/users/*", headers = [{ name = "x-a", value = "1, 1" }])",
      R"(path = "/users/*", query = [{ name = "a b", value = "c d" }])",
      R"(path_regex = "/files/[a-z]+/.*", headers = [{ name = "x-a", regex = "[0-9, ]+" }])",
  }));
  http::FieldList fields;
  fields.add("x-a", "1");
  fields.add("x-a", "1");
  const Request requests[] = {
      {.host = "api.example.com", .path = "/users/7/pets/8", .fields = &fields},
      {.host = "x.y.example.com", .path = "/users/7", .fields = &fields},
      {.host = "other", .path = "/users/7", .query = "?a+b=c%20d", .fields = &fields},
      {.host = "other", .path = "/files/abc/def", .fields = &fields},
      {.host = "other", .path = "/nothing", .fields = &fields},
  };
  auto match_all = [&] {
    std::size_t found = 0;
    for (const Request& request : requests) found += table.match(request) != nullptr ? 1 : 0;
    return found;
  };
  CHECK(match_all() == 4);  // and the expressions know what there is to know
  const std::uint64_t before = memory::heap_allocations_of_this_thread();
  for (int i = 0; i < 100; ++i) match_all();
  CHECK(memory::heap_allocations_of_this_thread() == before);
}

}  // namespace
}  // namespace sluice::route
