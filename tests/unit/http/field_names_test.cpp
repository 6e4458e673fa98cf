#include "http/field_names.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace sluice::http {
namespace {

using Match = FieldNames::Match;

FieldNames names_of(std::initializer_list<std::string_view> list) {
  FieldNames names;
  for (std::string_view name : list) names.add(name);
  return names;
}

TEST_CASE("names match in any case, and with their lookalikes") {
  const FieldNames names = names_of({"X-User", "Remote_Addr", "X-Forwarded-For", "x-user", "X-A-B", "X_A-C"});
  struct {
    std::string_view name;
    Match match;
  } const rows[] = {
      {"X-User", Match::exact},
      {"x-uSER", Match::exact},
      {"X_User", Match::lookalike},
      {"remote_addr", Match::exact},
      {"Remote-Addr", Match::lookalike},
      {"X_Forwarded_For", Match::lookalike},
      {"X_Forwarded-For", Match::lookalike},
      {"x-a-b", Match::exact},
      {"x_a_b", Match::lookalike},
      {"x-a_b", Match::lookalike},
      {"X_A-C", Match::exact},
      {"X-A-C", Match::lookalike},
      {"", Match::none},
      {"X-Use", Match::none},
      {"X-Users", Match::none},
      {"X.User", Match::none},
      {"XUser", Match::none},
      {"X--ser", Match::none},
      {"X-Usez", Match::none},
      {"-X-User", Match::none},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.name));
    CHECK(to_string(names.match(row.name)) == to_string(row.match));
  }
  CHECK(names.contains(FieldId::x_forwarded_for));
  CHECK(!names.contains(FieldId::forwarded));
  CHECK(names.ids() == set_of(FieldId::x_forwarded_for));
  CHECK(!names.is_empty());
}

TEST_CASE("none of nothing") {
  const FieldNames names;
  CHECK(names.is_empty());
  CHECK(names.ids() == 0);
  CHECK(names.match("") == Match::none);
  CHECK(names.match("X-User") == Match::none);
}

TEST_CASE("long names, whose lengths share a bit") {
  const std::string name(70, 'a');
  const FieldNames names = names_of({name});
  CHECK(names.match(name) == Match::exact);
  CHECK(names.match(std::string(70 - 64, 'a')) == Match::none);
  CHECK(names.match(std::string(70 + 64, 'a')) == Match::none);
}

}  // namespace
}  // namespace sluice::http
