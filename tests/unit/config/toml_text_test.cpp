#include "config/toml_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"

namespace sluice::config {
namespace {

using namespace std::string_view_literals;

TEST_CASE("a string is quoted so that it reads as itself") {
  struct Row {
    std::string_view value;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {"a\nb\tc\x7f", R"("a\u000ab\u0009c\u007f")"},
      {"\0"sv, R"("\u0000")"},
      {"\xc3\xa4", "\"\xc3\xa4\""},
      {"a$b$", R"("a$b$")"},
      {"${A}", R"("$${A}")"},
      {"$${A}", R"("$$${A}")"},
      {"${${", R"("$${$${")"},
      {"'''", R"("'''")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const std::string text = toml_string(row.value);
    CHECK(text == row.expected);
    Problems problems("t");
    auto root = parse_document("a = " + text + "\n", problems);
    REQUIRE(root.has_value());
    CHECK(root->find("a")->problem == "");
    CHECK(root->find("a")->text == row.value);
  }
}

TEST_CASE("a key is bare where it may be") {
  struct Row {
    std::string_view name;
    std::string_view expected;
  };
  const std::vector<Row> rows{{"a-Z_9", "a-Z_9"},          {"", R"("")"},         {"a.b", R"("a.b")"},
                              {"a b", R"("a b")"},         {"a\"b", R"("a\"b")"}, {"${A}", R"("${A}")"},
                              {"\xc3\xa4", "\"\xc3\xa4\""}};
  for (const Row& row : rows) {
    CHECK(toml_key(row.name) == row.expected);
    Problems problems("t");
    auto root = parse_document(toml_key(row.name) + " = 1\n", problems);
    REQUIRE(root.has_value());
    CHECK(root->members.front().name == row.name);
  }
}

TEST_CASE("arrays and tables") {
  CHECK(toml_array({}) == "[]");
  CHECK(toml_array(std::vector<std::string>{"1", "2"}) == "[1, 2]");
  const std::string wide = toml_string(std::string(60, 'x'));
  CHECK(toml_array(std::vector{wide}) == "[" + wide + "]");
  CHECK(toml_array(std::vector{wide, wide}) == "[\n  " + wide + ",\n  " + wide + ",\n]");
  CHECK(toml_table({}) == "{}");
  using Members = std::vector<std::pair<std::string, std::string>>;
  CHECK(toml_table(Members{{"a", "1"}, {"b c", "\"x\""}}) == "{ a = 1, \"b c\" = \"x\" }");
  // What is long inside of what must be on one line.
  Problems problems("t");
  const std::string array = toml_array(std::vector{wide, wide});
  auto root = parse_document("a = [" + toml_table(Members{{"b", array}}) + "]\n", problems);
  REQUIRE(root.has_value());
  CHECK(root->find("a")->items[0].find("b")->items.size() == 2);
}

}  // namespace
}  // namespace sluice::config
