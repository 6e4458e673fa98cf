#include "route/conditions.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::route {
namespace {

ConditionSettings settings_of(std::string_view name, Condition::Kind kind, std::string_view text) {
  ConditionSettings settings;
  settings.name.value = name;
  if (kind == Condition::Kind::absent) settings.present = false;
  if (kind == Condition::Kind::value) settings.value = text;
  if (kind == Condition::Kind::regex) settings.regex = text;
  return settings;
}

TEST_CASE("header fields: lines of one name are one value") {
  using enum Condition::Kind;
  using Lines = std::vector<std::pair<std::string_view, std::string_view>>;
  struct Row {
    std::string_view name;
    Condition::Kind kind;
    std::string_view text;
    Lines lines;
    bool fits;
  };
  const std::string long_value(gathered_bytes_max, 'a');
  const std::vector<Row> rows{
      {"x-a", present, "", {{"X-A", ""}}, true},
      {"x-a", present, "", {{"x-b", "1"}}, false},
      {"x-a", present, "", {{"x-aa", "1"}}, false},
      {"x-a", present, "", {}, false},
      {"x-a", absent, "", {}, true},
      {"x-a", absent, "", {{"x-b", "1"}}, true},
      {"x-a", absent, "", {{"x-A", ""}}, false},
      {"x-a", value, "1", {{"x-a", "1"}}, true},
      {"x-a", value, "1", {{"x-a", "11"}}, false},
      {"x-a", value, "11", {{"x-a", "1"}}, false},
      {"x-a", value, "a", {{"x-a", "A"}}, false},
      {"x-a", value, "", {{"x-a", ""}}, true},
      {"x-a", value, "", {{"x-a", "1"}}, false},
      {"x-a", value, "", {}, false},
      {"x-a", value, "1, 2", {{"x-a", "1"}, {"x-b", "0"}, {"X-A", "2"}}, true},
      {"x-a", value, "1, 2", {{"x-a", "1, 2"}}, true},
      {"x-a", value, "1, 2", {{"x-a", "2"}, {"x-a", "1"}}, false},
      {"x-a", value, "1, 2", {{"x-a", "1"}}, false},
      {"x-a", value, "1", {{"x-a", "1"}, {"x-a", "2"}}, false},
      {"x-a", value, "1", {{"x-a", "1"}, {"x-a", ""}}, false},
      {"x-a", value, "1, ", {{"x-a", "1"}, {"x-a", ""}}, true},
      {"x-a", value, "1, 1", {{"x-a", "1"}, {"x-a", "1"}, {"x-a", "1"}}, false},
      {"accept", value, "a", {{"Accept", "a"}}, true},
      {"accept", value, "a", {{"Accept-Encoding", "a"}}, false},
      {"accept", present, "", {{"Accept-Encoding", "a"}}, false},
      {"accept", absent, "", {{"Accept-Encoding", "a"}}, true},
      {"accept", value, "a, b", {{"Accept", "a"}, {"ACCEPT", "b"}}, true},
      {"x-a", regex, "v[0-9]+", {{"x-a", "v12"}}, true},
      {"x-a", regex, "v[0-9]+", {{"x-a", "v12 "}}, false},
      {"x-a", regex, "v[0-9]+", {{"x-a", "xv12"}}, false},
      {"x-a", regex, "v[0-9]+", {{"x-a", "v12"}, {"x-a", "v13"}}, false},
      {"x-a", regex, "v[0-9]+(, v[0-9]+)*", {{"x-a", "v12"}, {"x-a", "v13"}, {"x-a", "v14"}}, true},
      {"x-a", regex, ".*", {}, false},
      {"x-a", regex, ".*", {{"x-a", ""}}, true},
      {"x-a", regex, "\\xE4.", {{"x-a", "\xe4\xff"}}, true},
      // One line may be of any length, lines put together only of a bounded one.
      {"x-a", regex, "a+", {{"x-a", long_value}}, true},
      {"x-a", regex, "[a, ]+", {{"x-a", "a"}, {"x-a", std::string_view(long_value).substr(3)}}, true},
      {"x-a", regex, "[a, ]+", {{"x-a", "a"}, {"x-a", std::string_view(long_value).substr(2)}}, false},
      {"x-a", regex, "[a, ]+", {{"x-a", long_value}, {"x-a", ""}}, false},
      {"x-a", regex, "[a, ]+", {{"x-a", std::string_view(long_value).substr(2)}, {"x-a", ""}}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(to_string(row.kind));
    CAPTURE(row.text);
    CAPTURE(row.lines.size());
    http::FieldList fields;
    for (const auto& [name, text] : row.lines) REQUIRE(fields.add(name, text));
    CHECK(HeaderCondition(settings_of(row.name, row.kind, row.text), 1).fits(fields, 0) == row.fits);
  }
}

TEST_CASE("the query: the first parameter of a name, decoded") {
  using enum Condition::Kind;
  struct Row {
    std::string_view name;
    Condition::Kind kind;
    std::string_view text;
    std::string_view query;
    bool fits;
  };
  const std::string long_query = "?a=+" + std::string(gathered_bytes_max - 1, 'x');
  const std::string too_long_query = long_query + "x";
  const std::string long_plain = "?a=" + std::string(gathered_bytes_max + 1, 'x');
  const std::vector<Row> rows{
      {"a", present, "", "?a", true},
      {"a", present, "", "a=1", true},
      {"a", present, "", "?b&a=", true},
      {"a", present, "", "?&&a", true},
      {"a", present, "", "", false},
      {"a", present, "", "?", false},
      {"a", present, "", "?ab", false},
      {"a", present, "", "?b=a", false},
      {"a", present, "", "?A", false},
      {"a", present, "", "?=a", false},
      {"a", present, "", "??a", false},
      {"a", present, "", "?b;a", false},
      {"a", present, "", "?%61", true},
      {"a b", present, "", "?a+b", true},
      {"a b", present, "", "?a%20b=1", true},
      {"a+b", present, "", "?a%2Bb", true},
      {"a=b", present, "", "?a%3Db=1", true},
      {"a&b", present, "", "?a%26b", true},
      {"a", absent, "", "", true},
      {"a", absent, "", "?b", true},
      {"a", absent, "", "?a", false},
      {"a", absent, "", "?%61=", false},
      {"a", value, "1", "?a=1", true},
      {"a", value, "1", "?b=2&a=1&c", true},
      {"a", value, "1", "?a=%31", true},
      {"a", value, "1", "?%61=1", true},
      {"a", value, "1", "?a=1&a=2", true},
      {"a", value, "2", "?a=1&a=2", false},
      {"a", value, "1", "?a=11", false},
      {"a", value, "11", "?a=1", false},
      {"a", value, "1", "?a", false},
      {"a", value, "", "?a", true},
      {"a", value, "", "?a=", true},
      {"a", value, "", "?a=1", false},
      {"a", value, "", "?b", false},
      {"a", value, "b=c", "?a=b=c", true},
      {"a", value, "b c", "?a=b+c", true},
      {"a", value, "b+c", "?a=b+c", false},
      {"a", value, "%", "?a=%", true},
      {"a", value, "%4", "?a=%4", true},
      {"a", value, "%4g", "?a=%4g", true},
      {"a", value, "%41", "?a=%2541", true},
      {"a", value, "A", "?a=%2541", false},
      {"a", value, "\xc3\xa4", "?a=%C3%a4", true},
      {"a", regex, "[0-9]+", "?a=12", true},
      {"a", regex, "[0-9]+", "?a=%31%32", true},
      {"a", regex, "[0-9]+", "?a=1x", false},
      {"a", regex, "[0-9]+", "?b=1", false},
      {"a", regex, ".*", "?a", true},
      {"a", regex, ".*", "?b", false},
      {"a", regex, " x+", long_query, true},
      {"a", regex, " x+", too_long_query, false},
      {"a", regex, "x+", long_plain, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(to_string(row.kind));
    CAPTURE(row.text);
    CAPTURE(row.query);
    CHECK(QueryCondition(settings_of(row.name, row.kind, row.text), 1).fits(row.query, 0) == row.fits);
  }
}

}  // namespace
}  // namespace sluice::route
