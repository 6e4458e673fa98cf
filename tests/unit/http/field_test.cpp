#include "http/field.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <string_view>

#include "http/bytes.hpp"

namespace sluice::http {
namespace {

TEST_CASE("known names are found in any case, and nothing like them is") {
  for (std::size_t i = 1; i < field_id_count; ++i) {
    auto id = static_cast<FieldId>(i);
    std::string name(to_string(id));
    CAPTURE(name);
    CHECK(field_id(name) == id);
    std::string upper;
    for (char c : name) upper += static_cast<char>(std::toupper(c));
    CHECK(field_id(upper) == id);
    CHECK(field_id(name + "x") == FieldId::other);
    CHECK(field_id("x" + name) == FieldId::other);
    CHECK(field_id(name.substr(1)) == FieldId::other);
    for (std::size_t size = 1; size < name.size(); ++size) {
      std::string_view known = to_string(field_id(name.substr(0, size)));
      CHECK((known.empty() || known == name.substr(0, size)));
    }
    // Every byte that a name or a line can hold, at every place.
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int byte = 0x20; byte < 0x100; ++byte) {
        if (std::tolower(byte) == name[at]) continue;
        std::string other = name;
        other[at] = static_cast<char>(byte);
        CAPTURE(other);
        CHECK(field_id(other) != id);
      }
      std::string with_tab = name;
      with_tab[at] = '\t';
      CHECK(field_id(with_tab) == FieldId::other);
    }
  }
  CHECK(field_id("") == FieldId::other);
  CHECK(field_id("x-something-long-that-nobody-knows") == FieldId::other);
}

TEST_CASE("a list finds the first, knows repetitions and its bound") {
  FieldList fields;
  CHECK(fields.find(FieldId::host) == nullptr);
  CHECK(!fields.value_of(FieldId::host).has_value());
  CHECK(fields.add("Host", "a"));
  CHECK(!fields.is_repeated(FieldId::host));
  CHECK(fields.add("X", "b"));
  CHECK(fields.add("host", "c"));
  CHECK(fields.contains(FieldId::host));
  CHECK(fields.is_repeated(FieldId::host));
  CHECK(fields.value_of(FieldId::host) == "a");
  CHECK(fields.find("x")->value == "b");
  CHECK(fields.find("HOST")->value == "a");
  FieldList copy = fields;
  CHECK(copy.size() == 3);
  CHECK(copy[2].value == "c");
  CHECK(copy.is_repeated(FieldId::host));
  while (fields.size() < FieldList::capacity) CHECK(fields.add("Y", ""));
  CHECK(!fields.add("Date", "z"));
  CHECK(!fields.contains(FieldId::date));
  fields.clear();
  CHECK(fields.is_empty());
  CHECK(!fields.contains(FieldId::host));
  CHECK(!fields.is_repeated(FieldId::host));
}

TEST_CASE("byte classes") {
  constexpr std::string_view token_marks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view path_marks = "-._~!$&'()*+,;=:@/%";
  constexpr std::string_view query_marks = "-._~!$&'()*+,;=:@/%?[]{}|\\^`";
  constexpr std::string_view host_marks = "-_";
  constexpr std::string_view unreserved_marks = "-._~";
  for (int byte = 0; byte < 0x100; ++byte) {
    CAPTURE(byte);
    char c = static_cast<char>(byte);
    bool is_alnum = byte < 0x80 && std::isalnum(byte) != 0;
    auto expected = [&](std::string_view marks) { return is_alnum || marks.find(c) != std::string_view::npos; };
    CHECK(is_byte(c, byte_token) == expected(token_marks));
    CHECK(is_byte(c, byte_path) == expected(path_marks));
    CHECK(is_byte(c, byte_query) == expected(query_marks));
    CHECK(is_byte(c, byte_host) == expected(host_marks));
    CHECK(is_byte(c, byte_unreserved) == expected(unreserved_marks));
  }
  CHECK(!is_token(""));
  CHECK(is_token("a"));
  CHECK(!is_token("a b"));
}

}  // namespace
}  // namespace sluice::http
