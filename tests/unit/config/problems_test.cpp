#include "config/problems.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace sluice::config {
namespace {

TEST_CASE("problems come in the order of the file, those of one place in the order of their finding") {
  Problems problems("a.toml");
  CHECK(problems.is_empty());
  problems.add({7, 2}, "d");
  problems.add({3, 9}, "b");
  problems.add({3, 9}, "c");
  problems.add({}, "a");
  CHECK_FALSE(problems.is_empty());
  CHECK(problems.lines() == std::vector<std::string>{"a.toml: a", "a.toml:3:9: b", "a.toml:3:9: c", "a.toml:7:2: d"});
}

TEST_CASE("problems of included files follow those of the file that includes them") {
  Problems problems("a.toml");
  CHECK(problems.add_file("b.toml") == 1);
  CHECK(problems.add_file("c.toml") == 2);
  problems.add({1, 1, 2}, "c");
  problems.add({9, 9, 1}, "b");
  problems.add({8, 1}, "a");
  problems.add({0, 0, 1}, "b as a whole");
  CHECK(problems.lines() ==
        std::vector<std::string>{"a.toml:8:1: a", "b.toml: b as a whole", "b.toml:9:9: b", "c.toml:1:1: c"});
  CHECK(problems.file({3, 4, 1}) == "b.toml");
  CHECK(problems.place_text({3, 4, 2}) == "c.toml:3:4");
}

TEST_CASE("past the bound, problems are counted and no longer kept") {
  Problems problems("a.toml");
  for (std::size_t i = 0; i < Problems::kept_max; ++i) {
    CHECK_FALSE(problems.is_full());
    problems.add({1, 1}, "x");
  }
  CHECK(problems.is_full());
  CHECK(problems.lines().size() == Problems::kept_max);
  problems.add({1, 1}, "y");
  problems.add({1, 1}, "z");
  CHECK(problems.count() == Problems::kept_max + 2);
  CHECK(problems.lines().size() == Problems::kept_max + 1);
  CHECK(problems.lines().back() == "a.toml: and 2 more");
}

TEST_CASE("a suggestion is the nearest name, and none when nothing is near") {
  constexpr std::array<std::string_view, 6> known{"connect", "first_byte", "idle", "access", "head", "connects"};
  struct Row {
    std::string word;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"conect", "; did you mean `connect`?"},
      {"connnect", "; did you mean `connect`?"},
      {"CONNECT", "; did you mean `connect`?"},
      {"firstbyte", "; did you mean `first_byte`?"},
      {"first-byte", "; did you mean `first_byte`?"},
      {"idel", "; did you mean `idle`?"},  // swapped letters are one slip
      {"iled", ""},                        // two of four letters are no slip
      {"dile", "; did you mean `idle`?"},
      {"conncet", "; did you mean `connect`?"},
      {"idl", "; did you mean `idle`?"},
      {"acess", "; did you mean `access`?"},
      {"heap", "; did you mean `head`?"},
      {"timeout", ""},
      {"x", ""},
      {"", ""},
      {std::string(65, 'a'), ""},
      {std::string(100'000, 'a'), ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.word);
    CHECK(suggestion(row.word, known) == row.expected);
  }
  CHECK(suggestion("connect", {}).empty());
}

TEST_CASE("values are shown on one line and not at length") {
  CHECK(in_quotes("a b") == "\"a b\"");
  CHECK(one_line("a\tb") == "a\\x09b");
  CHECK(one_line("abc", 2) == "ab...");
  CHECK(in_quotes(std::string_view("\n\0\x7f", 3)) == R"("\x0a\x00\x7f")");
  CHECK(in_quotes(std::string(60, 'x')) == '"' + std::string(60, 'x') + '"');
  CHECK(in_quotes(std::string(61, 'x')) == '"' + std::string(60, 'x') + "...\"");
}

}  // namespace
}  // namespace sluice::config
