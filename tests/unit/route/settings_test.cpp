#include "route/settings.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/document.hpp"

namespace sluice::route {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  std::vector<RouteSettings> routes;
  std::string errors;  // one a line

  [[nodiscard]] bool has_one_error() const { return !errors.empty() && !errors.contains('\n'); }
};

// Each text is the keys of one [[route]], on one line.
Outcome read_routes(const std::vector<std::string>& texts) {
  config::Problems problems("t");
  Outcome outcome;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string text =
        std::string(i, '\n') + "route = { upstream = \"u\"" + (texts[i].empty() ? "" : ", ") + texts[i] + " }";
    auto root = config::parse_document(text, problems);
    REQUIRE(root.has_value());
    config::Cursor cursor(*root->find("route"), "[[route]]", problems);
    config::detail::read_element(cursor, route_keys, outcome.routes.emplace_back());
  }
  check_routes(outcome.routes, problems);
  outcome.errors = fmt::format("{}", fmt::join(problems.lines(), "\n"));
  return outcome;
}

TEST_CASE("paths") {
  struct Row {
    std::string_view text;
    std::string_view refusal;  // empty: valid
  };
  const std::vector<Row> rows{
      {"/*", ""},
      {"/", ""},
      {"/v1/*", ""},
      {"/v1", ""},
      {"/v1/", ""},
      {"/a/b.c/d-e_f~g/*", ""},
      {"/a%2Fb/*", ""},
      {"/a:b@c!$&'()+,;=/*", ""},
      {"/...", ""},
      {"", "must start with `/`"},
      {"*", "must start with `/`"},
      {"v1/*", "must start with `/`"},
      {"http://a/b", "must start with `/`"},
      {"/v1*", "may have `*` only as its last segment, where it stands for everything below"},
      {"/*/a", "may have `*` only as its last segment, where it stands for everything below"},
      {"/a/*/b/*", "may have `*` only as its last segment, where it stands for everything below"},
      {"/**", "may have `*` only as its last segment, where it stands for everything below"},
      {"/a*/", "may have `*` only as its last segment, where it stands for everything below"},
      {"//*", "must not have empty segments"},
      {"//", "must not have empty segments"},
      {"/a//b", "must not have empty segments"},
      {"/a//*", "must not have empty segments"},
      {"/./a", "must not have `.` or `..` segments"},
      {"/a/..", "must not have `.` or `..` segments"},
      {"/a/../*", "must not have `.` or `..` segments"},
      {"/a?b=c", "must be a path alone: the query is not matched"},
      {"/a#b", "must be a path alone: the query is not matched"},
      {"/a b", "must have other characters percent-encoded"},
      {"/\xc3\xa4", "must have other characters percent-encoded"},
      {"/a|b", "must have other characters percent-encoded"},
      {"/a%2", "must have `%` before two digits 0-9 or A-F"},
      {"/a%", "must have `%` before two digits 0-9 or A-F"},
      {"/a%zz", "must have `%` before two digits 0-9 or A-F"},
      {"/a%2f", "must have `%` before two digits 0-9 or A-F"},
      {"/%41", "must have letters, digits and `-._~` written plainly, not percent-encoded"},
      {"/%2E%2E/a", "must have letters, digits and `-._~` written plainly, not percent-encoded"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto [routes, errors] = read_routes({"path = \"" + std::string(row.text) + "\""});
    if (row.refusal.empty()) {
      CHECK(errors == "");
      CHECK(to_string(routes[0].path) == row.text);
      CHECK(routes[0].path.is_prefix == row.text.ends_with("/*"));
    } else {
      CHECK(errors == fmt::format("t:1:34: `path` {}, not \"{}\"", row.refusal, row.text));
    }
  }
  CHECK(read_routes({"path = \"/" + std::string(1023, 'a') + "\""}).errors == "");
  CHECK(read_routes({"path = \"/" + std::string(1024, 'a') + "\""}).has_one_error());
}

TEST_CASE("hosts") {
  struct Row {
    std::string text;
    std::string_view expected;  // the stored host; empty: refused
    std::string_view refusal;
  };
  constexpr std::string_view wildcard = "must be one exact name: wildcards are not supported";
  constexpr std::string_view with_port = "must be a host name without a port";
  constexpr std::string_view with_path = "must be a host name alone, without scheme or path";
  constexpr std::string_view malformed =
      "must be a host name such as \"api.example.com\" (other scripts in their xn-- form)";
  const std::vector<Row> rows{
      {"api.example.com", "api.example.com", ""},
      {"API.Example.COM", "api.example.com", ""},
      {"localhost", "localhost", ""},
      {"a_b.c-d", "a_b.c-d", ""},
      {"127.0.0.1", "127.0.0.1", ""},
      {"[::1]", "[::1]", ""},
      {"[2001:DB8::1]", "[2001:db8::1]", ""},
      {std::string(63, 'a') + ".b", std::string_view(), ""},
      {"*", "", wildcard},
      {"*.example.com", "", wildcard},
      {"example.com:80", "", with_port},
      {"[::1]:80", "", with_port},
      {"::1", "", with_port},
      {"http://example.com", "", with_path},
      {"example.com/a", "", with_path},
      {"example.com.", "", "must be written without the dot at the end"},
      {"", "", malformed},
      {".com", "", malformed},
      {"a..b", "", malformed},
      {"a b", "", malformed},
      {"m\xc3\xbcller.de", "", malformed},
      {"[127.0.0.1]", "", malformed},
      {"[::1", "", malformed},
      {"[]", "", malformed},
      {std::string(64, 'a') + ".b", "", malformed},
      {"user@example.com", "", malformed},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto [routes, errors] = read_routes({"host = \"" + row.text + "\""});
    if (row.refusal.empty()) {
      CHECK(errors == "");
      CHECK(routes[0].host == (row.expected.empty() ? std::string_view(row.text) : row.expected));
    } else {
      std::string_view shown = std::string_view(row.text).substr(0, 60);
      CHECK(errors ==
            fmt::format("t:1:34: `host` {}, not \"{}{}\"", row.refusal, shown, row.text == shown ? "" : "..."));
    }
  }
  std::string long_name;
  for (int i = 0; i < 127; ++i) long_name += "a.";
  CHECK(read_routes({"host = \"" + long_name.substr(0, 253) + "\""}).errors == "");
  CHECK(read_routes({"host = \"" + long_name + "a\""}).has_one_error());
}

TEST_CASE("strip_prefix is whole segments of the path") {
  struct Row {
    std::string_view path;
    std::string_view strip_prefix;
    bool is_valid;
  };
  const std::vector<Row> rows{
      {"/v1/*", "/v1", true},    {"/v1/api/*", "/v1", true}, {"/v1/api/*", "/v1/api", true}, {"/v1", "/v1", true},
      {"/v1/x", "/v1", true},    {"/v1/", "/v1", true},      {"/*", "/v1", false},           {"/v1/*", "/v", false},
      {"/v1/*", "/v1/a", false}, {"/v1/*", "/v2", false},    {"/v1/*", "/v1/", false},       {"/v1/*", "/v1/*", false},
      {"/v1/*", "/", false},     {"/v1/*", "", false},       {"/v1/*", "v1", false},         {"/V1/*", "/v1", false},
      {"/v12/*", "/v1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.strip_prefix);
    auto [routes, errors] = read_routes(
        {"path = \"" + std::string(row.path) + "\", strip_prefix = \"" + std::string(row.strip_prefix) + "\""});
    CHECK(errors.empty() == row.is_valid);
    if (row.is_valid) CHECK(routes[0].strip_prefix.value == row.strip_prefix);
  }
  CHECK(read_routes({"path = \"/a/*\", strip_prefix = \"/b\""}).errors ==
        "t:1:57: `strip_prefix` must be whole segments that the path \"/a/*\" starts with, not \"/b\"");
  CHECK(read_routes({"strip_prefix = \"/b/\""}).errors ==
        "t:1:42: `strip_prefix` must be a path such as \"/v1\", without `*` and without `/` at the end, not \"/b/\"");
}

TEST_CASE("two routes for the same requests are told with both places") {
  CHECK(read_routes({"host = \"a\"", "host = \"b\"", "host = \"A\""}).errors ==
        "t:3:9: this [[route]] has the host and path of the one at t:1:9: a/*");
  CHECK(read_routes({"path = \"/x\"", "path = \"/x/*\"", "path = \"/x/\"", "path = \"/X\""}).errors == "");
  CHECK(read_routes({"", "host = \"a\""}).errors == "");
  CHECK(read_routes({"", "path = \"/*\""}).has_one_error());
  SUBCASE("one that could not be read is not compared") { CHECK(read_routes({"", "path = \"x\""}).has_one_error()); }
}

TEST_CASE("names and timeouts") {
  auto [routes, errors] =
      read_routes({"host = \"a\", path = \"/x\"", "name = \"n\", timeouts = { first_byte = \"1s\" }"});
  CHECK(errors == "");
  CHECK(routes[0].display_name() == "a/x");
  CHECK(routes[1].display_name() == "n");
  const Timeouts outer{.connect = 7s, .first_byte = 8s, .idle = 9s};
  CHECK(routes[0].timeouts.over(outer) == outer);
  CHECK(routes[1].timeouts.over(outer) == Timeouts{.connect = 7s, .first_byte = 1s, .idle = 9s});
}

}  // namespace
}  // namespace sluice::route
