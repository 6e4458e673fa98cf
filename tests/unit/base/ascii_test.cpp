#include "base/ascii.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::ascii {
namespace {

using namespace std::string_view_literals;

TEST_CASE("a decimal number is digits alone, and fits") {
  struct Row {
    std::string_view text;
    std::optional<std::uint64_t> value;
  };
  const Row rows[] = {
      {"0", 0},
      {"7", 7},
      {"007", 7},
      {"65536", 65536},
      {"18446744073709551615", UINT64_MAX},
      {"00000000000000000000000018446744073709551615", UINT64_MAX},
      {"", std::nullopt},
      {" ", std::nullopt},
      {"+1", std::nullopt},
      {"-1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1,0", std::nullopt},
      {"1.0", std::nullopt},
      {"0x10", std::nullopt},
      {"1e3", std::nullopt},
      {"\xb2", std::nullopt},
      {"1\0"sv, std::nullopt},
      {"/", std::nullopt},
      {":", std::nullopt},
      {"18446744073709551616", std::nullopt},
      {"18446744073709551620", std::nullopt},
      {"20000000000000000000", std::nullopt},
      {"99999999999999999999999999", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_decimal(row.text) == row.value);
  }
}

TEST_CASE("what is written in decimal is read back") {
  const std::uint64_t values[] = {0, 1, 9, 10, 99, 100, 12345, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
  for (std::uint64_t value : values) {
    char out[20];
    char* end = write_decimal(out, value);
    std::string_view text(out, static_cast<std::size_t>(end - out));
    CHECK(text == std::to_string(value));
    CHECK(parse_decimal(text) == value);
  }
}

TEST_CASE("hexadecimal digits, and no other byte") {
  const std::string_view digits = "0123456789abcdef";
  for (int byte = 0; byte < 256; ++byte) {
    char c = static_cast<char>(byte);
    CAPTURE(byte);
    std::size_t place = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    CHECK(hex_value(c) == (place == std::string_view::npos ? -1 : static_cast<int>(place)));
  }
}

TEST_CASE("only the letters of ASCII have a case") {
  for (int byte = 0; byte < 256; ++byte) {
    char c = static_cast<char>(byte);
    CAPTURE(byte);
    const bool is_upper = byte >= 'A' && byte <= 'Z';
    CHECK(lower(c) == static_cast<char>(is_upper ? byte + 32 : byte));
  }
}

TEST_CASE("equality without regard to case") {
  struct Row {
    std::string_view a;
    std::string_view b;
    bool equal;
  };
  const Row rows[] = {
      {"", "", true},
      {"Host", "hOST", true},
      {"x-1_Z", "X-1_z", true},
      {"a", "", false},
      {"host", "hos", false},
      {"host", "hosts", false},
      {"[", "{", false},
      {"@", "`", false},
      {"A", "\x01", false},
      {"\xc4", "\xe4", false},
      {"k", "\xe2\x84\xaa", false},
      {"a\0b"sv, "a\0c"sv, false},
      {"ab", "ba", false},
      {"content-length", "content_length", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(equals_ignoring_case(row.a, row.b) == row.equal);
    CHECK(equals_ignoring_case(row.b, row.a) == row.equal);
  }
}

TEST_CASE("only spaces and tabs are optional white space") {
  struct Row {
    std::string_view text;
    std::string_view trimmed;
  };
  const Row rows[] = {
      {"", ""},
      {" ", ""},
      {"\t \t", ""},
      {"a", "a"},
      {" a\t", "a"},
      {"\t a b \t", "a b"},
      {"\ra\n", "\ra\n"},
      {"\va", "\va"},
      {"\fa", "\fa"},
      {"\xa0"
       "a",
       "\xa0"
       "a"},
      {"\0a "sv, "\0a"sv},
  };
  for (const Row& row : rows) CHECK(trim_ows(row.text) == row.trimmed);
}

}  // namespace
}  // namespace sluice::ascii
