#include "config/variables.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/problems.hpp"

namespace sluice::config {
namespace {

// What this process and no other has in its environment, for as long as this lives.
class Variable {
 public:
  Variable(std::string name, const char* value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value, 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~Variable() { ::unsetenv(name_.c_str()); }  // NOLINT(concurrency-mt-unsafe)
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

TEST_CASE("variables are filled in, and only where the text asks for it") {
  const Variable a("SLUICE_TEST_A", "one");
  const Variable b("SLUICE_TEST_b2", "t}w$o${x}");
  const Variable empty("SLUICE_TEST_EMPTY", "");
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"${SLUICE_TEST_A}", "one"},
      {"x${SLUICE_TEST_A}y${SLUICE_TEST_A}", "xoneyone"},
      {"${SLUICE_TEST_b2}", "t}w$o${x}"},  // what is filled in is not looked at again
      {"${SLUICE_TEST_EMPTY}", ""},
      {"${SLUICE_TEST_EMPTY:-other}", "other"},
      {"${SLUICE_TEST_NONE:-other}", "other"},
      {"${SLUICE_TEST_NONE:-}", ""},
      {"${SLUICE_TEST_NONE:-a:-b c$}", "a:-b c$"},
      {"${SLUICE_TEST_A:-other}", "one"},
      {"$${SLUICE_TEST_A}", "${SLUICE_TEST_A}"},
      {"$$${SLUICE_TEST_A}", "$${SLUICE_TEST_A}"},
      {"$${", "${"},
      {"${SLUICE_TEST_A}$", "one$"},
      {"${SLUICE_TEST_A}$1 $$ {x}", "one$1 $$ {x}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(has_variables(row.text));
    auto filled = fill_variables(row.text);
    REQUIRE(filled.has_value());
    CHECK(*filled == row.expected);
  }
  for (std::string_view text : {"", "$", "$$", "^/a$", "{a}", "$1", "a$b", "$ {a}"}) CHECK_FALSE(has_variables(text));
}

TEST_CASE("a reference that means nothing is refused") {
  const Variable a("SLUICE_TEST_A", "one");
  const Variable bytes("SLUICE_TEST_BYTES", "\xff");
  const Variable overlong("SLUICE_TEST_OVERLONG", "\xc0\xaf");
  const Variable surrogate("SLUICE_TEST_SURROGATE", "\xed\xa0\x80");
  const Variable cut("SLUICE_TEST_CUT", "a\xf0\x9f\x98");
  const Variable beyond("SLUICE_TEST_BEYOND", "\xf4\x90\x80\x80");
  const std::string megabyte(40'000, 'x');
  const Variable large("SLUICE_TEST_LARGE", megabyte.c_str());
  struct Row {
    std::string_view text;
    std::string_view error;
  };
  const std::vector<Row> rows{
      {"${SLUICE_TEST_NONE}", "needs the environment variable SLUICE_TEST_NONE, which is not set"},
      {"${sluice_test_a}", "needs the environment variable sluice_test_a, which is not set"},
      {"${}", "has `${}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${1A}", "has `${1A}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${A-B}", "has `${A-B}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${ A }", "has `${ A }`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${A:x}", "has `${A:x}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${:-x}", "has `${:-x}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"${A\n}", "has `${A\\x0a}`, which is neither ${NAME} nor ${NAME:-text}; write $${ for ${"},
      {"a${SLUICE_TEST_A", "has `${` without `}`; write $${ for ${"},
      {"${", "has `${` without `}`; write $${ for ${"},
      {"${A:-${SLUICE_TEST_A}}", "has `${` inside of `${…}`"},
      {"${SLUICE_TEST_BYTES}", "needs the environment variable SLUICE_TEST_BYTES, which is not UTF-8"},
      {"${SLUICE_TEST_OVERLONG}", "needs the environment variable SLUICE_TEST_OVERLONG, which is not UTF-8"},
      {"${SLUICE_TEST_SURROGATE}", "needs the environment variable SLUICE_TEST_SURROGATE, which is not UTF-8"},
      {"${SLUICE_TEST_CUT}", "needs the environment variable SLUICE_TEST_CUT, which is not UTF-8"},
      {"${SLUICE_TEST_BEYOND}", "needs the environment variable SLUICE_TEST_BEYOND, which is not UTF-8"},
      {"${SLUICE_TEST_LARGE}${SLUICE_TEST_LARGE}", "has more than 65536 bytes once its variables are filled in"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto filled = fill_variables(row.text);
    REQUIRE_FALSE(filled.has_value());
    CHECK(filled.error() == row.error);
  }
}

TEST_CASE("what is UTF-8 may be filled in") {
  for (const char* value :
       {"\xc3\xa4", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x01"}) {
    const Variable text("SLUICE_TEST_A", value);
    CHECK(fill_variables("${SLUICE_TEST_A}") == value);
  }
}

TEST_CASE("in a document, strings are filled in wherever they are values, and names are not") {
  const Variable a("SLUICE_TEST_A", "one");
  Problems problems("t");
  auto root = parse_document(
      "a = \"${SLUICE_TEST_A}\"\nb = ['x', '${SLUICE_TEST_A}2']\n\"${C}\" = { d = \"\"\"${SLUICE_TEST_NONE}\"\"\" }\n",
      problems);
  REQUIRE(root.has_value());
  CHECK(root->find("a")->text == "one");
  CHECK(root->find("a")->written == "${SLUICE_TEST_A}");
  CHECK(root->find("b")->items[0].written == "");
  CHECK(root->find("b")->items[1].text == "one2");
  const Node* d = root->find("${C}")->find("d");
  CHECK(d->problem == "needs the environment variable SLUICE_TEST_NONE, which is not set");
  CHECK(problems.is_empty());  // told by whoever reads it
}

}  // namespace
}  // namespace sluice::config
