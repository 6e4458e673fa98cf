#include "config/document.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {
namespace {

using namespace std::string_view_literals;

TEST_CASE("every kind of value with its place, in the order of the file") {
  constexpr std::string_view text =
      "z = \"text\"\n"
      "a = 42\n"
      "  number = 1.5\n"
      "flag = true\n"
      "day = 1979-05-27\n"
      "list = [1, \"x\"]\n"
      "[section]\n"
      "inline = { k = 1 }\n"
      "[[many]]\n"
      "[[many]]\n"
      "k = 2\n";
  Problems problems("t.toml");
  auto root = parse_document(text, problems);
  REQUIRE(root.has_value());

  struct Row {
    std::string_view name;
    Place name_place;
    Kind kind;
    Place place;
  };
  const std::vector<Row> rows{
      {"z", {1, 1}, Kind::string, {1, 5}},       {"a", {2, 1}, Kind::integer, {2, 5}},
      {"number", {3, 3}, Kind::number, {3, 12}}, {"flag", {4, 1}, Kind::boolean, {4, 8}},
      {"day", {5, 1}, Kind::moment, {5, 7}},     {"list", {6, 1}, Kind::array, {6, 8}},
      {"section", {7, 2}, Kind::table, {7, 1}},  {"many", {9, 3}, Kind::array, {9, 1}},
  };
  REQUIRE(root->members.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Member& member = root->members[i];
    CAPTURE(rows[i].name);
    CHECK(member.name == rows[i].name);
    CHECK(member.place == rows[i].name_place);
    CHECK(member.value.kind == rows[i].kind);
    CHECK(member.value.place == rows[i].place);
  }
  CHECK(root->find("z")->text == "text");
  CHECK(root->find("a")->integer == 42);
  CHECK(root->find("number")->text == "1.5");
  CHECK(root->find("flag")->integer == 1);
  CHECK(root->find("day")->text == "1979-05-27");
  CHECK(root->find("list")->items[1].place == Place{6, 12});
  CHECK(root->find("section")->find("inline")->find("k")->place == Place{8, 16});
  CHECK(root->find("many")->items[1].place == Place{10, 1});
  CHECK(root->find("many")->items[1].find("k")->integer == 2);
  CHECK(root->find("absent") == nullptr);
}

TEST_CASE("what is no TOML is refused at its place") {
  struct Row {
    std::string text;
    std::string_view expected;  // how the one line starts
  };
  std::string deep = "a = " + std::string(5000, '[') + std::string(2000, ']') + "\n";
  std::string dotted = "a";
  for (int i = 0; i < 16; ++i) dotted += ".b";
  std::string endless = "a";
  for (int i = 0; i < 1'000'000; ++i) endless += ".b";
  const std::vector<Row> rows{
      {"a = \n", "t.toml:1:5: not valid TOML: "},
      {"a = 1\nb = \"x\nc = 1\n", "t.toml:2:7: not valid TOML: "},
      {"a = 1\n[t\n", "t.toml:2:3: not valid TOML: "},
      {"a = \"\xff\"\n", "t.toml:1:5: not valid TOML: "},
      {"a = 08\n", "t.toml:1:7: not valid TOML: "},
      {"a = 99999999999999999999\n", "t.toml:1:"},
      {"[&", "t.toml:1:"},
      {"[:a]\n", "t.toml:1:"},
      {"\xca\xbf = 1\n", "t.toml:1:1: not valid TOML: "},
      {"a = [\x01]\n", "t.toml:1:"},
      {"[a]\n[a]\n", "t.toml:2:1: not valid TOML: "},
      {deep, "t.toml:1:"},
      {"[" + dotted + "]\n", "t.toml:1:1: tables and arrays may be nested 16 deep, no more"},
      {"a = 1\n" + endless + " = 1\n", "t.toml:2:1: tables and arrays may be nested 16 deep, no more"},
      {"a = { x = '\"', y = \"\\\"'\", " + endless + " = 1 }\n",
       "t.toml:1:1: tables and arrays may be nested 16 deep, no more"},
      {std::string(file_bytes_max + 1, '\n'), "t.toml: the file is larger than 16777216 bytes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.expected);
    Problems problems("t.toml");
    CHECK_FALSE(parse_document(row.text, problems).has_value());
    auto lines = problems.lines();
    REQUIRE(lines.size() == 1);
    CAPTURE(lines.front());
    CHECK(lines.front().starts_with(row.expected));
  }
}

TEST_CASE("nothing, a comment, a long line and a byte order mark are valid") {
  const std::vector<std::string> texts{"", "# x", "\n\n", std::string(100'000, '#'), "\xef\xbb\xbf# bom\n"};
  for (const std::string& text : texts) {
    Problems problems("t.toml");
    auto root = parse_document(text, problems);
    REQUIRE(root.has_value());
    CHECK(root->members.empty());
    CHECK(root->place == Place{1, 1});
  }
}

TEST_CASE("letters of every script may stand in strings and comments") {
  Problems problems("t.toml");
  auto root = parse_document("# \xca\xbf\na = \"\"\"\\\n\xc2\xa7\"\"\"\n", problems);
  REQUIRE(root.has_value());
  CHECK(root->find("a")->text == "\xc2\xa7");
}

TEST_CASE("dots in strings and comments are no depth") {
  std::string dots(1000, '.');
  Problems problems("t.toml");
  auto root = parse_document("# " + dots + "\na = \"\\\"" + dots + "\" # " + dots + "\nb = '" + dots + "'\n", problems);
  REQUIRE(root.has_value());
  CHECK(root->find("a")->text == '"' + dots);
  CHECK(root->find("b")->text == dots);
}

TEST_CASE("sixteen levels are allowed") {
  std::string key = "a";
  for (int i = 1; i < 16; ++i) key += ".b";
  Problems problems("t.toml");
  CHECK(parse_document("[" + key + "]\nk = 1\n", problems).has_value());
  CHECK(problems.is_empty());
}

}  // namespace
}  // namespace sluice::config
