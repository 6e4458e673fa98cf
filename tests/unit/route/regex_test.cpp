#include "route/regex.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "memory/heap.hpp"

namespace sluice::route {
namespace {

TEST_CASE("an expression fits whole texts, byte by byte") {
  struct Row {
    std::string_view expression;
    std::string_view subject;
    bool matches;
  };
  const std::vector<Row> rows{
      {"/a", "/a", true},         {"/a", "/ab", false},      {"/a", "x/a", false},
      {"/a", "", false},          {"a*", "", true},          {"/a|/b", "/b", true},
      {"/a|/b", "/ab", false},    {"^/a$", "/a", true},      {"/A", "/a", false},
      {"(?i)/A", "/a", true},     {".", "\n", false},        {"(?s).", "\n", true},
      {".", "\xff", true},        {".", "\xc3\xa4", false},  {"\\xC3\\xA4", "\xc3\xa4", true},
      {"/[^/]+", "/a%2Fb", true}, {"/[^/]+", "/a/b", false}, {"a{2,3}", "aa", true},
      {"a{2,3}", "aaaa", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.expression);
    CAPTURE(row.subject);
    auto regex = Regex::compile(row.expression, 2);
    REQUIRE(regex.has_value());
    CHECK(regex->text() == row.expression);
    for (unsigned shard : {0U, 1U}) CHECK(regex->matches(row.subject, shard) == row.matches);
  }
}

TEST_CASE("groups have names or numbers; one that took no part is empty") {
  auto regex = Regex::compile("/(a)(?P<name>b*)/(?:c|(d))(.*)");
  REQUIRE(regex.has_value());
  CHECK(regex->group_names() == std::vector<std::string>{"1", "name", "3", "4"});
  Captures captures = regex->capture("/abb/cx/y", 0);
  REQUIRE(captures.count() == 4);
  CHECK(captures[0] == "a");
  CHECK(captures[1] == "bb");
  CHECK(captures[2] == "");
  CHECK(captures[3] == "x/y");
  Captures none = regex->capture("/nothing", 0);
  REQUIRE(none.count() == 4);
  CHECK(none[0] == "");
  CHECK(Regex::compile("/x")->capture("/x", 0).count() == 0);
}

// What makes a backtracking engine take longer than anybody waits.
TEST_CASE("time and memory are bounded whatever the subject") {
  auto regex = Regex::compile("(a*)*(a|b)*(?:[ab]*a[ab]{12})+c");
  REQUIRE(regex.has_value());
  std::string subject;
  for (int i = 0; i < 100'000; ++i) subject += i % 7 == 0 || i % 11 == 0 ? 'a' : 'b';
  CHECK_FALSE(regex->matches(subject, 0));
  // The automaton has outgrown its memory by now, and the answers are still right.
  CHECK(regex->matches("aaaaaaaaaaaaaaaac", 0));
  CHECK_FALSE(regex->matches("aaac", 0));
}

TEST_CASE("each shard's copy learns by itself, and then needs no more memory") {
  auto regex = Regex::compile("/users/[0-9]+/(?:a|b)*", 2);
  REQUIRE(regex.has_value());
  auto count_for = [&](unsigned shard) {
    const std::uint64_t before = memory::heap_allocations_of_this_thread();
    CHECK(regex->matches("/users/1234567/ababababababab", shard));
    return memory::heap_allocations_of_this_thread() - before;
  };
  CHECK(count_for(0) > 0);
  CHECK(count_for(0) == 0);
  CHECK(count_for(1) > 0);
  CHECK(count_for(1) == 0);
}

}  // namespace
}  // namespace sluice::route
