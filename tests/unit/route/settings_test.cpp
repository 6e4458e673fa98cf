#include "route/settings.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
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
    config::read(cursor, route_keys, outcome.routes.emplace_back());
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
      {"/a%20b/%C3%A9", ""},
      {"/a;b/c;d=e", ""},
      {"/{id}", ""},
      {"/{id}/*", ""},
      {"/users/{id}/pets/{Pet_2}", ""},
      {"/{_}/", ""},
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
      {"/a/..%2Fb", "must not have `.` or `..` beside `%2F`, `%5C` or `;`: such requests are refused"},
      {"/a/..;x/b", "must not have `.` or `..` beside `%2F`, `%5C` or `;`: such requests are refused"},
      {"/a%00", "must not have escaped control characters: such requests are refused"},
      {"/%C0%AE", "must not have overlong UTF-8: such requests are refused"},
      {"/a{id}", "may have braces only around the name that stands for a whole segment"},
      {"/{id}.json", "may have braces only around the name that stands for a whole segment"},
      {"/{a}{b}", "may have braces only around the name that stands for a whole segment"},
      {"/{}", "may have braces only around the name that stands for a whole segment"},
      {"/{1}", "may have braces only around the name that stands for a whole segment"},
      {"/{a-b}", "may have braces only around the name that stands for a whole segment"},
      {"/{a", "may have braces only around the name that stands for a whole segment"},
      {"/a}", "may have braces only around the name that stands for a whole segment"},
      {"/{{a}}", "may have braces only around the name that stands for a whole segment"},
      {"/{a}/b/{a}", "must not have the same `{name}` twice"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto [routes, errors] = read_routes({"path = \"" + std::string(row.text) + "\""});
    if (row.refusal.empty()) {
      CHECK(errors == "");
      CHECK(to_string(routes[0].pattern()) == row.text);
      CHECK(routes[0].pattern().is_prefix == row.text.ends_with("/*"));
    } else {
      CHECK(errors == fmt::format("t:1:34: `path` {}, not \"{}\"", row.refusal, row.text));
    }
  }
  std::string names;
  for (int i = 0; i < 16; ++i) names += fmt::format("/{{n{}}}", i);
  CHECK(read_routes({"path = \"" + names + "\""}).errors == "");
  CHECK(read_routes({"path = \"" + names + "/{x}\""}).errors.contains("must have at most 16 `{name}` segments"));
  CHECK(read_routes({"path = \"/{" + std::string(32, 'a') + "}\""}).errors == "");
  CHECK(read_routes({"path = \"/{" + std::string(33, 'a') + "}\""}).has_one_error());
  CHECK(read_routes({"path = \"/" + std::string(1023, 'a') + "\""}).errors == "");
  CHECK(read_routes({"path = \"/" + std::string(1024, 'a') + "\""}).has_one_error());
}

TEST_CASE("hosts") {
  struct Row {
    std::string text;
    std::string_view expected;  // the stored host; empty: refused
    std::string_view refusal;
  };
  constexpr std::string_view wildcard = "may have `*` only as its whole first label, as in \"*.example.com\"";
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
      {"*.example.com", "*.example.com", ""},
      {"*.EXAMPLE.com", "*.example.com", ""},
      {"*.com", "*.com", ""},
      {"*", "", "must be left out to mean any host"},
      {"a.*.com", "", wildcard},
      {"*a.com", "", wildcard},
      {"**.com", "", wildcard},
      {"*.*.com", "", wildcard},
      {"a*", "", wildcard},
      {"*.", "", malformed},
      {"*.com.", "", "must be written without the dot at the end"},
      {"*.com:80", "", with_port},
      {"*..com", "", malformed},
      {"*.0.0.1", "", "must not have `*` in an address"},
      {"*.[::1]", "", with_port},
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
      {"/v12/*", "/v1", false},  {"/{a}/*", "/{a}", false},  {"/{a}/*", "/{}", false},       {"/v1/{a}/*", "/v1", true},
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

TEST_CASE("two routes with the same conditions are the same, others are not") {
  struct Row {
    std::string first;
    std::string second;
    bool is_same;
  };
  const std::vector<Row> rows{
      {R"(methods = ["GET", "POST"])", R"(methods = ["POST", "GET"])", true},
      {R"(headers = ["X-A", "x-b"])", R"(headers = ["x-b", { name = "x-a", present = true }])", true},
      {R"(query = [{ name = "a", value = "1" }])", R"(query = [{ value = "1", name = "a" }])", true},
      {R"(path = "/{a}/*")", R"(path = "/{b}/*")", true},
      {R"(path_regex = "/a+")", R"(path_regex = "/a+")", true},
      {R"(host = "*.a")", R"(host = "*.A")", true},
      {R"(methods = ["GET", "POST"])", R"(methods = ["GET"])", false},
      {R"(methods = ["GET"])", "", false},
      {R"(headers = ["x-a"])", R"(headers = [{ name = "x-a", present = false }])", false},
      {R"(headers = ["x-a"])", R"(query = ["x-a"])", false},
      {R"(headers = [{ name = "x-a", value = "1" }])", R"(headers = [{ name = "x-a", regex = "1" }])", false},
      {R"(headers = [{ name = "x-a", value = "a" }])", R"(headers = [{ name = "x-a", value = "A" }])", false},
      {R"(query = ["a"])", R"(query = ["A"])", false},
      {R"(path = "/{a}")", R"(path = "/{a}/*")", false},
      {R"(path = "/a")", R"(path_regex = "/a")", false},
      {R"(host = "*.a")", R"(host = "a")", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.first);
    CAPTURE(row.second);
    auto errors = read_routes({row.first, row.second}).errors;
    CHECK(errors.empty() != row.is_same);
    if (row.is_same) CHECK(errors.starts_with("t:2:9: this [[route]] has the host"));
  }
  CHECK(read_routes({R"(methods = ["GET"])", R"(methods = ["GET"])"}).errors ==
        "t:2:9: this [[route]] has the host, path and conditions of the one at t:1:9: /*");
  CHECK(read_routes({R"(path_regex = "/a+")", R"(path_regex = "/a+")"}).errors ==
        "t:2:9: this [[route]] has the host and path of the one at t:1:9: /a+");
}

TEST_CASE("conditions that cannot be") {
  struct Row {
    std::string text;
    std::string error;
  };
  const std::vector<Row> rows{
      {R"(methods = [])", "t:1:37: `methods` must have from 1 to 16 entries, not 0"},
      {R"(methods = "GET")", "t:1:37: `methods` must be an array, not the string \"GET\""},
      {R"(methods = [1])", "t:1:38: `methods[0]` must be a string, not the integer 1"},
      {R"(methods = ["get"])", "t:1:38: `methods[0]` must be a method in upper case, such as \"GET\", not \"get\""},
      {R"(methods = ["GET", ""])", "t:1:45: `methods[1]` must be a method in upper case, such as \"GET\", not \"\""},
      {R"(methods = ["G T"])", "t:1:38: `methods[0]` must be a method in upper case, such as \"GET\", not \"G T\""},
      {R"(methods = ["TRACE"])", "t:1:38: `methods[0]` must be a method that is not always refused, not \"TRACE\""},
      {R"(methods = ["CONNECT"])", "t:1:38: `methods[0]` must be a method that is not always refused, not \"CONNECT\""},
      {R"(methods = ["GET", "GET"])", "t:1:45: `methods` has \"GET\" already"},
      {R"(headers = [])", "t:1:37: `headers` must have from 1 to 16 entries, not 0"},
      {R"(headers = [""])", "t:1:38: `headers[0]` must be the name of a field, such as \"x-canary\", not \"\""},
      {R"(headers = ["a b"])", "t:1:38: `headers[0]` must be the name of a field, such as \"x-canary\", not \"a b\""},
      {R"(headers = ["Host"])", "t:1:38: `headers[0]` must not be \"host\": that is matched by the route's `host`"},
      {R"(headers = [{ value = "1" }])", "t:1:38: `headers[0]` needs `name`"},
      {R"(headers = [{ name = "a", valu = "1" }])",
       "t:1:52: unknown key `valu` in `headers[0]`; did you mean `value`?"},
      {R"(headers = [{ name = "a", value = " 1" }])",
       "t:1:60: `value` must be without control characters and without white space around it, not \" 1\""},
      {R"(headers = [{ name = "a", value = "1\n" }])",
       "t:1:60: `value` must be without control characters and without white space around it, not \"1\\x0a\""},
      {R"(headers = [{ name = "a", present = "yes" }])",
       "t:1:62: `present` must be true or false, not the string \"yes\""},
      {R"(headers = [{ name = "a", value = "1", regex = "1" }])",
       "t:1:38: a condition has one of `value`, `regex` and `present`"},
      {R"(headers = [{ name = "a", regex = "1", present = true }])",
       "t:1:38: a condition has one of `value`, `regex` and `present`"},
      {R"(headers = [{ name = "a", regex = "(" }])",
       "t:1:60: `regex` must be a regular expression, not \"(\": missing ): ("},
      {R"(headers = ["a", { name = "A", value = "1" }])",
       "t:1:52: there is a condition on the header field \"a\" already, at t:1:38"},
      {R"(query = [""])", "t:1:36: `query[0]` must not be empty"},
      {R"(query = ["a", "a"])", "t:1:41: there is a condition on the parameter \"a\" already, at t:1:36"},
      {R"(query = [{ name = "a", regex = "a{2000}" }])",
       "t:1:58: `regex` must be a regular expression, not \"a{2000}\": invalid repetition size: {2000}"},
      {R"(path_regex = "")", "t:1:40: `path_regex` must not be empty"},
      {R"re(path_regex = "/a)")re",
       "t:1:40: `path_regex` must be a regular expression, not \"/a)\": unexpected ): /a)"},
      {R"re(path_regex = "/(?=a)")re",
       "t:1:40: `path_regex` must be a regular expression, not \"/(?=a)\": invalid perl operator: (?="},
      {R"(path_regex = '/(a)\1')",
       R"(t:1:40: `path_regex` must be a regular expression, not "/(a)\1": invalid escape sequence: \1)"},
      {R"(path_regex = "/é")", "t:1:40: `path_regex` must be printable ASCII, with other bytes written as \\xHH"},
      {R"(path_regex = "/a", path = "/a")", "t:1:40: `path` and `path_regex` exclude each other"},
      {R"(path_regex = "/a.*", strip_prefix = "/a")", "t:1:63: `strip_prefix` goes with `path`, not with `path_regex`"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read_routes({row.text}).errors == row.error);
  }
  std::string groups;
  for (int i = 0; i < 17; ++i) groups += "(a)";
  CHECK(read_routes({fmt::format("path_regex = \"/{}\"", groups)})
            .errors.contains("must have at most 16 groups; `(?:` begins one that is not counted"));
  CHECK(read_routes({fmt::format("path_regex = \"/{}\"", groups.substr(3))}).errors == "");
  CHECK(read_routes({fmt::format("path_regex = \"/{}\"", std::string(1023, 'a'))}).errors == "");
  CHECK(read_routes({fmt::format("path_regex = \"/{}\"", std::string(1024, 'a'))})
            .errors.ends_with("must be at most 1024 bytes long"));
  // What would need more memory than an expression may have.
  CHECK(read_routes({R"(path_regex = "/((a{100}){100}){100}")"}).has_one_error());
}

TEST_CASE("there is an end to the number of expressions") {
  std::vector<std::string> texts;
  texts.reserve(502);
  for (int i = 0; i < 500; ++i) {
    texts.push_back(fmt::format(R"(path_regex = "/{}", query = [{{ name = "a", regex = "b" }}])", i));
  }
  CHECK(read_routes(texts).errors == "");
  texts.emplace_back(R"(headers = [{ name = "a", regex = "b" }])");
  texts.emplace_back(R"(path_regex = "/more")");
  CHECK(read_routes(texts).errors == "t:501:9: the routes have more than 1000 regular expressions");
}

TEST_CASE("rewrites that cannot be") {
  struct Row {
    std::string text;
    std::string error;  // empty: valid
  };
  const std::vector<Row> rows{
      {R"(path = "/v1/*", rewrite = { prefix = "/v2" })", ""},
      {R"(path = "/v1/*", rewrite = { prefix = "/" })", ""},
      {R"(path = "/{a}/*", rewrite = { prefix = "/x/{a}" })", ""},
      {R"(path = "/{a}/{b}", rewrite = { path = "/{b}-{a}/{b}", query = "a={a}&b" })", ""},
      {R"(path = "/{a}/*", rewrite = { path = "/x" })", ""},
      {R"re(path_regex = "/(?P<a>[a-z]+)/(.*)", rewrite = { path = "/{2}/{a}" })re", ""},
      {R"(rewrite = { query = "" })", ""},
      {R"(rewrite = { path = "/" })", ""},
      {R"(path = "/v1/*", strip_prefix = "/v1", rewrite = { query = "a=b" })", ""},
      {R"(path = "/v1", rewrite = { prefix = "/v2" })",
       "t:1:62: `prefix` needs a route whose `path` ends in `/*`; `path` rewrites the others"},
      {R"(path_regex = "/v1.*", rewrite = { prefix = "/v2" })",
       "t:1:70: `prefix` needs a route whose `path` ends in `/*`; `path` rewrites the others"},
      {R"(rewrite = { prefix = "/v2/" })", "t:1:48: `prefix` must be without `/` at the end, not \"/v2/\""},
      {R"(rewrite = { prefix = "v2" })", "t:1:48: `prefix` must start with `/`, not \"v2\""},
      {R"(rewrite = { prefix = "" })", "t:1:48: `prefix` must start with `/`, not \"\""},
      {R"(rewrite = { prefix = "/a", path = "/b" })", "t:1:61: `path` and `prefix` exclude each other"},
      {R"(path = "/v1/*", strip_prefix = "/v1", rewrite = { prefix = "/v2" })",
       "t:1:58: `strip_prefix` and a `rewrite` of the path exclude each other"},
      {R"(rewrite = { path = "/{id}" })",
       "t:1:46: `path` must not have {id}: the path of the route names nothing, in \"/{id}\""},
      {R"(path = "/{a}/{b}", rewrite = { path = "/{id}" })",
       "t:1:65: `path` must have only names that the path has ({a}, {b}), not {id}, in \"/{id}\""},
      {R"re(path_regex = "/(?P<a>.)(.)", rewrite = { path = "/{1}" })re",
       "t:1:75: `path` must have only names that the path has ({a}, {2}), not {1}, in \"/{1}\""},
      {R"(path = "/{a}", rewrite = { path = "/{a" })",
       "t:1:61: `path` must have braces only in pairs, around a name, in \"/{a\""},
      {R"(path = "/{a}", rewrite = { path = "/a}" })",
       "t:1:61: `path` must have braces only in pairs, around a name, in \"/a}\""},
      {R"(rewrite = { path = "/a/../b" })", "t:1:46: `path` must not have `.` or `..` segments, in \"/a/../b\""},
      {R"(rewrite = { path = "//a" })", "t:1:46: `path` must not have empty segments, in \"//a\""},
      {R"(rewrite = { path = "/a?b" })", "t:1:46: `path` must be a path alone: the query is not matched, in \"/a?b\""},
      {R"(rewrite = { path = "/a b" })", "t:1:46: `path` must have other characters percent-encoded, in \"/a b\""},
      {R"(rewrite = { query = "?a" })", "t:1:47: `query` must be without the `?`, not \"?a\""},
      {R"(rewrite = { query = "a b" })", "t:1:47: `query` must have other characters percent-encoded, not \"a b\""},
      {R"(rewrite = { query = "a#b" })", "t:1:47: `query` must have other characters percent-encoded, not \"a#b\""},
      {R"(rewrite = { query = "a={id}" })",
       "t:1:47: `query` must not have {id}: the path of the route names nothing, in \"a={id}\""},
      {R"(rewrite = { to = "/a" })", "t:1:39: unknown key `to` in [[route]] rewrite"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read_routes({row.text}).errors == row.error);
  }
  CHECK(read_routes({fmt::format(R"(rewrite = {{ path = "/{}" }})", std::string(1024, 'a'))}).has_one_error());
  CHECK(read_routes({fmt::format(R"(rewrite = {{ query = "{}" }})", std::string(1025, 'a'))}).has_one_error());
}

TEST_CASE("routes with the same host and path are told apart") {
  struct Row {
    std::vector<std::string> texts;
    std::vector<std::string_view> names;
  };
  const Row rows[] = {
      {{R"(path = "/x")", R"(path = "/y")", R"(host = "a", path = "/x")"}, {"/x", "/y", "a/x"}},
      {{R"(path = "/x")", R"(path = "/x", methods = ["GET"])", R"(path = "/x", headers = ["a"])",
        R"(path = "/x", query = ["a"])"},
       {"/x", "/x #2", "/x #3", "/x #4"}},
      {{R"(methods = ["GET"])", "", R"(methods = ["PUT"])"}, {"/*", "/* #2", "/* #3"}},
      {{R"(host = "a", headers = ["x"])", R"(host = "b", headers = ["x"])", R"(host = "a")"}, {"a/*", "b/*", "a/* #2"}},
      {{R"(name = "n", path = "/x")", R"(path = "/x", methods = ["GET"])", R"(path = "/x", methods = ["PUT"])"},
       {"n", "/x", "/x #2"}},
      {{R"(path = "/x")", R"(path_regex = "/x")"}, {"/x", "/x #2"}},
      {{R"(path_regex = "....")", R"(name = "....", path = "/y")"}, {".... #2", "...."}},
      {{R"(path_regex = "/x #2")", R"(path = "/x")", R"(path_regex = "/x")", R"(path = "/x", methods = ["GET"])"},
       {"/x #2", "/x", "/x #3", "/x #4"}},
      {{R"(path = "/x")", R"(path_regex = "/x")", R"(path_regex = "/x #2")"}, {"/x", "/x #2", "/x #2 #2"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.texts.front());
    auto [routes, errors] = read_routes(row.texts);
    CHECK(errors == "");
    for (int round = 0; round < 2; ++round) {
      tell_apart(routes);
      REQUIRE(routes.size() == row.names.size());
      for (std::size_t i = 0; i < routes.size(); ++i) CHECK(routes[i].display_name() == row.names[i]);
    }
  }
}

TEST_CASE("ten thousand routes with one path have as many names") {
  std::vector<RouteSettings> routes(10'000);
  tell_apart(routes);
  std::set<std::string> names;
  for (const RouteSettings& route : routes) names.insert(route.display_name());
  CHECK(names.size() == routes.size());
  CHECK(routes.back().display_name() == "/* #10000");
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

TEST_CASE("limits of a route go before those from further out") {
  auto [routes, errors] = read_routes(
      {"host = \"a\"", "host = \"b\", half_close = true, limits = { body_bytes = \"1MiB\", body_rate_min = 0 }",
       "host = \"c\", limits = { body_bytes = 0, response_rate_min = \"2KiB\" }"});
  CHECK(errors == "");
  const BodyLimits outer{.body_bytes = 7, .body_rate_min = 8, .response_rate_min = 9};
  CHECK(routes[0].limits.over(outer) == outer);
  CHECK_FALSE(routes[0].half_close);
  CHECK(routes[1].limits.over(outer) == BodyLimits{.body_bytes = 1 << 20, .body_rate_min = 0, .response_rate_min = 9});
  CHECK(routes[1].half_close);
  CHECK(routes[2].limits.over(outer) == BodyLimits{.body_bytes = 0, .body_rate_min = 8, .response_rate_min = 2048});
  for (const std::string_view wrong :
       {"body_bytes = -1", "body_bytes = \"2097152GiB\"", "body_bytes = \"many\"", "body_rate_min = \"2GiB\"",
        "body_rate_min = true", "response_rate_min = \"1KiB/s\"", "response_rate_min = -1", "head_bytes = \"1KiB\""}) {
    CAPTURE(wrong);
    CHECK(read_routes({"limits = { " + std::string(wrong) + " }"}).has_one_error());
  }
}

TEST_CASE("protocols to change to") {
  auto [routes, errors] =
      read_routes({"host = \"a\"", "host = \"b\", upgrade = []",
                   "host = \"c\", upgrade = [\"WebSocket\", \"IRC/6.9\"], timeouts = { tunnel = \"2m\" }"});
  CHECK(errors == "");
  CHECK(routes[0].upgrade == std::vector<std::string>{"websocket"});
  CHECK(routes[1].upgrade.empty());
  CHECK(routes[2].upgrade == std::vector<std::string>{"websocket", "irc/6.9"});
  CHECK(routes[0].timeouts.over({}).tunnel == 1h);
  CHECK(routes[2].timeouts.over({}).tunnel == 2min);

  const std::string_view no_protocol = "must be a protocol such as \"websocket\"";
  const std::string_view http = "must not be a version of HTTP";
  struct Row {
    std::string text;
    std::string_view refusal;
  };
  const std::vector<Row> rows{{"", no_protocol},
                              {"web socket", no_protocol},
                              {"a,b", no_protocol},
                              {"a/", no_protocol},
                              {"/1", no_protocol},
                              {"a/b/c", no_protocol},
                              {"a\\u0000", no_protocol},
                              {std::string(65, 'a'), no_protocol},
                              {"h2c", http},
                              {"H2C", http},
                              {"h2", http},
                              {"HTTP/2.0", http},
                              {"http", http}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Outcome outcome = read_routes({"upgrade = [\"" + row.text + "\"]"});
    CHECK(outcome.has_one_error());
    CHECK(outcome.errors.contains(row.refusal));
  }
}

}  // namespace
}  // namespace sluice::route
