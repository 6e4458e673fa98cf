#include "route/header_settings.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/document.hpp"
#include "http/writer.hpp"

namespace sluice::route {
namespace {

struct Outcome {
  HeaderEditSettings settings;
  std::string errors;  // one a line
};

// text: the table, on one line.
Outcome read_edits(const std::string& text, Direction direction = Direction::request) {
  config::Problems problems("t");
  auto root = config::parse_document("e = " + text, problems);
  REQUIRE(root.has_value());
  Outcome outcome;
  config::read(config::Cursor(*root->find("e"), "`e`", problems), header_edit_keys, outcome.settings);
  check_header_edits(outcome.settings, direction, problems);
  outcome.errors = fmt::format("{}", fmt::join(problems.lines(), "\n"));
  return outcome;
}

std::string written(const http::FieldEdits& edits) {
  http::Variables variables;
  variables.set(http::Variable::client, "192.0.2.1");
  std::array<char, 4096> memory;
  http::Writer out(memory);
  edits.write(out, variables);
  REQUIRE(!out.overflowed());
  return std::string(out.text());
}

TEST_CASE("a value from a variable is written, and not shown") {
  ::setenv("SLUICE_TEST_A", "token", 1);  // NOLINT(concurrency-mt-unsafe)
  const auto [settings, errors] = read_edits(R"({ set = { "Authorization" = "Bearer ${SLUICE_TEST_A}" } })");
  ::unsetenv("SLUICE_TEST_A");  // NOLINT(concurrency-mt-unsafe)
  CHECK(errors.empty());
  const HeaderEditSettings* layers[] = {&settings};
  CHECK(written(merge_header_edits(layers, "r")) == "Authorization: Bearer token\r\n");
  config::Dump dump;
  config::dump(header_edit_keys, settings, settings, dump);
  CHECK(dump.text().starts_with("set = { Authorization = \"Bearer ${SLUICE_TEST_A}\" }\n"));
}

TEST_CASE("edits that can be made") {
  for (std::string_view text : {
           R"({})",
           R"({ set = { "X-A" = "1" }, add = { "X-B" = "{client}" }, remove = ["Cookie"] })",
           R"({ set = { "X-A" = "1" }, add = { "x-a" = "2" } })",
           R"({ set = { "X-Forwarded-For" = "{client}", "Via" = "1.1 gate", "Date" = "x", "Server" = "s" } })",
           R"({ set = { "X-A" = "{{x}} {route} a\tb" } })",
           R"({ remove = ["X_a!#$%&'*+-.^_`|~9"] })",
       }) {
    CAPTURE(std::string(text));
    CHECK(read_edits(std::string(text)).errors.empty());
    CHECK(read_edits(std::string(text), Direction::response).errors.empty());
  }
  CHECK(read_edits(R"({ set = { "Host" = "a" } })", Direction::response).errors.empty());
  CHECK(read_edits("{ set = { \"X-A\" = \"" + std::string(1024, 'a') + "\" } }").errors.empty());
  CHECK(read_edits("{ remove = [\"" + std::string(64, 'a') + "\"] }").errors.empty());
}

TEST_CASE("edits that cannot") {
  struct {
    std::string_view text;
    std::string_view error;
  } const rows[] = {
      {R"({ set = { "Content-Length" = "1" } })",
       "t:1:15: \"Content-Length\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ remove = ["transfer-ENCODING"] })",
       "t:1:17: \"transfer-ENCODING\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "Connection" = "x" } })",
       "t:1:15: \"Connection\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "Keep-Alive" = "x" } })",
       "t:1:15: \"Keep-Alive\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "Proxy-Connection" = "x" } })",
       "t:1:15: \"Proxy-Connection\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "TE" = "x" } })", "t:1:15: \"TE\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "Trailer" = "x" } })",
       "t:1:15: \"Trailer\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ add = { "Upgrade" = "x" } })",
       "t:1:15: \"Upgrade\" cannot be edited: Sluice writes it anew for each connection"},
      {R"({ set = { "Host" = "x" } })", "t:1:15: \"Host\" cannot be edited: that is what `upstream_host` is for"},
      {R"({ remove = ["Expect"] })", "t:1:17: \"Expect\" cannot be edited: the client waits for an answer to it"},
      {R"({ set = { "X-A" = "1", "x-a" = "2" } })",
       "t:1:28: duplicate header name \"x-a\": it stands at t:1:15 already"},
      {R"({ add = { "X-A" = "1", "x-a" = "2" } })",
       "t:1:28: duplicate header name \"x-a\": it stands at t:1:15 already"},
      {R"({ remove = ["X-A", "X-B", "x-a"] })", "t:1:31: duplicate header name \"x-a\": it stands at t:1:17 already"},
      {R"({ set = { "X-A" = "1" }, remove = ["x-a"] })",
       "t:1:40: duplicate header name \"x-a\": it stands at t:1:15 already"},
      {R"({ add = { "X-A" = "1" }, remove = ["x-a"] })", "t:1:40: \"x-a\" is added and removed; `set` replaces"},
      {R"({ set = { "X A" = "1" } })",
       "t:1:15: a name in `set` must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not \"X A\""},
      {R"({ set = { "X:" = "1" } })",
       "t:1:15: a name in `set` must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not \"X:\""},
      {R"({ set = { "" = "1" } })",
       "t:1:15: a name in `set` must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not \"\""},
      {R"({ remove = ["a\r\nb"] })",
       "t:1:17: `remove[0]` must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not "
       "\"a\\x0d\\x0ab\""},
      {R"({ set = { "X-A" = "" } })",
       "t:1:23: `X-A` in `set` must not be empty (a field is taken away with `remove`), not \"\""},
      {R"({ set = { "X-A" = "a\r\nX-B: 1" } })",
       "t:1:23: `X-A` in `set` must not have control characters, not \"a\\x0d\\x0aX-B: 1\""},
      {R"({ set = { "X-A" = "a\u0000" } })", "t:1:23: `X-A` in `set` must not have control characters, not \"a\\x00\""},
      {R"({ set = { "X-A" = "a\u007F" } })", "t:1:23: `X-A` in `set` must not have control characters, not \"a\\x7f\""},
      {R"({ set = { "X-A" = " a" } })", "t:1:23: `X-A` in `set` must not begin or end with white space, not \" a\""},
      {R"({ set = { "X-A" = "{who}" } })",
       "t:1:23: `X-A` in `set` has the unknown variable `{who}`; there are {client}, {peer}, {host}, {request_id}, "
       "{scheme}, {listener}, {route}, in \"{who}\""},
      {R"({ set = { "X-A" = "{" } })",
       "t:1:23: `X-A` in `set` has a single `{`; write `{{` for the character, in \"{\""},
      {R"({ set = { "X-A" = 1 } })", "t:1:23: `X-A` in `set` must be a string"},
      {R"({ set = {} })", "t:1:13: `set` must have from 1 to 32 entries, not 0"},
      {R"({ remove = [] })", "t:1:16: `remove` must have from 1 to 32 entries, not 0"},
      {R"({ remove = "X-A" })", "t:1:16: `remove` must be an array, not the string \"X-A\""},
      {R"({ replace = { "X-A" = "1" } })", "t:1:7: unknown key `replace` in `e`"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(read_edits(std::string(row.text)).errors == row.error);
  }
  CHECK(!read_edits("{ set = { \"X-A\" = \"" + std::string(1025, 'a') + "\" } }").errors.empty());
  CHECK(!read_edits("{ remove = [\"" + std::string(65, 'a') + "\"] }").errors.empty());
}

TEST_CASE("the inner layer has the last word") {
  const auto outer = read_edits(
      R"({ set = { "X-A" = "outer", "X-B" = "outer" }, add = { "X-C" = "outer" }, remove = ["X-D", "X-E"] })");
  const auto inner =
      read_edits(R"({ set = { "x-a" = "{client}" }, add = { "X-B" = "{route}", "X-D" = "inner" }, remove = ["X-C"] })");
  const HeaderEditSettings* layers[] = {&outer.settings, &inner.settings};
  const http::FieldEdits edits = merge_header_edits(layers, "my route");
  CHECK(written(edits) == "X-B: outer\r\nx-a: 192.0.2.1\r\nX-B: my route\r\nX-D: inner\r\n");
  for (std::string_view name : {"X-A", "X-B", "X-C", "X-D", "X-E"}) {
    CHECK(edits.dropped().match(name) == http::FieldNames::Match::exact);
  }
  CHECK(!edits.uses(http::Variable::route));
}

}  // namespace
}  // namespace sluice::route
