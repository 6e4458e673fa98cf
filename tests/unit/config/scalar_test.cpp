#include "config/scalar.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST_CASE("durations") {
  struct Row {
    std::string_view text;
    std::optional<Duration> expected;
  };
  const std::vector<Row> rows{
      {"30s", 30s},
      {"250ms", 250ms},
      {"2m", 2min},
      {"1h", 1h},
      {"1m30s", 90s},
      {"1h1m1s1ms1us", 1h + 1min + 1s + 1ms + 1us},
      {"0s", 0s},
      {"90m", 90min},
      {"007s", 7s},
      {"", std::nullopt},
      {"30", std::nullopt},
      {"s", std::nullopt},
      {"-1s", std::nullopt},
      {"+1s", std::nullopt},
      {"1.5s", std::nullopt},
      {"1 s", std::nullopt},
      {" 1s", std::nullopt},
      {"1s ", std::nullopt},
      {"1S", std::nullopt},
      {"1sec", std::nullopt},
      {"1d", std::nullopt},
      {"1ns", std::nullopt},
      {"30s1m", std::nullopt},  // units fall
      {"1s1s", std::nullopt},   // each once
      {"1m30", std::nullopt},
      {"1ms1s", std::nullopt},
      {"2562048h", std::nullopt},  // past 64 bits of nanoseconds
      {"99999999999999999999s", std::nullopt},
      {"2562047h48m", std::nullopt},
      {"1s\0"sv, std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.expected);
  }
}

TEST_CASE("durations are written in one unit, and read back") {
  struct Row {
    Duration duration;
    std::string_view expected;
  };
  const std::vector<Row> rows{{0s, "0s"},     {75s, "75s"},       {60s, "1m"},
                              {90min, "90m"}, {24h, "24h"},       {1500ms, "1500ms"},
                              {1us, "1us"},   {1001us, "1001us"}, {1s + 1us, "1000001us"}};
  for (const Row& row : rows) {
    CHECK(duration_text(row.duration) == row.expected);
    CHECK(parse_duration(row.expected) == row.duration);
  }
}

TEST_CASE("sizes") {
  struct Row {
    std::string_view text;
    std::optional<std::int64_t> expected;
  };
  const std::vector<Row> rows{
      {"512", 512},
      {"0", 0},
      {"16KiB", 16'384},
      {"1MiB", 1'048'576},
      {"2GiB", 2'147'483'648},
      {"8589934591GiB", 9'223'372'035'781'033'984},
      {"", std::nullopt},
      {"KiB", std::nullopt},
      {"16kib", std::nullopt},
      {"16KB", std::nullopt},
      {"16k", std::nullopt},
      {"16K", std::nullopt},
      {"1TiB", std::nullopt},
      {"16 KiB", std::nullopt},
      {"16KiB ", std::nullopt},
      {"-1", std::nullopt},
      {"1.5MiB", std::nullopt},
      {"1MiB16KiB", std::nullopt},
      {"1e3", std::nullopt},
      {"0x10", std::nullopt},
      {"8589934592GiB", std::nullopt},
      {"9223372036854775808", std::nullopt},
      {"18446744073709551616", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_size(row.text) == row.expected);
  }
  CHECK(size_text(0) == "0");
  CHECK(size_text(1023) == "1023");
  CHECK(size_text(1536) == "1536");
  CHECK(size_text(16'384) == "16KiB");
  CHECK(size_text(3'145'728) == "3MiB");
  CHECK(size_text(1 << 30) == "1GiB");
}

TEST_CASE("addresses come out in canonical spelling") {
  struct Row {
    std::string_view text;
    std::string_view expected;  // empty: refused
  };
  const std::vector<Row> rows{
      {"127.0.0.1:8080", "127.0.0.1:8080"},
      {"0.0.0.0:1", "0.0.0.0:1"},
      {"[::]:65535", "[::]:65535"},
      {"[0:0::1]:80", "[::1]:80"},
      {"[2001:DB8::A]:00080", "[2001:db8::a]:80"},
      {"", ""},
      {":", ""},
      {"127.0.0.1", ""},
      {"127.0.0.1:", ""},
      {"127.0.0.1:0", ""},
      {"127.0.0.1:65536", ""},
      {"127.0.0.1:000080", ""},
      {"127.0.0.1:-1", ""},
      {"127.0.0.1:+80", ""},
      {"127.0.0.1:80 ", ""},
      {" 127.0.0.1:80", ""},
      {"127.0.0.1:80x", ""},
      {"127.0.0.1 :80", ""},
      {"127.1:80", ""},
      {"127.0.0.256:80", ""},
      {"localhost:80", ""},
      {"example.com:80", ""},
      {"*:80", ""},
      {":80", ""},
      {"80", ""},
      {"::1:80", ""},
      {"[::1]", ""},
      {"[::1]80", ""},
      {"[::1:80", ""},
      {"[127.0.0.1]:80", ""},
      {"[fe80::1%eth0]:80", ""},
      {"[]:80", ""},
      {"127.0.0.1\0:80"sv, ""},
      {"unix:/run/a.sock", ""},
      {"http://127.0.0.1:80", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto parsed = IpPort::parse(row.text);
    CHECK(parsed.has_value() == !row.expected.empty());
    if (parsed) CHECK(*parsed == row.expected);
  }
}

TEST_CASE("names and texts") {
  for (std::string_view valid : {"a"sv, "api-v1_b.C9"sv, "0"sv}) {
    CAPTURE(valid);
    CHECK(Name::parse(valid) == Parsed<std::string>(std::string(valid)));
  }
  CHECK(Name::parse(std::string(64, 'a')).has_value());
  for (std::string_view invalid : {""sv, " "sv, "a b"sv, "a/b"sv, "\xc3\xa4"sv, "a\n"sv, "a\0"sv, "\"a\""sv}) {
    CAPTURE(invalid);
    CHECK_FALSE(Name::parse(invalid).has_value());
  }
  CHECK_FALSE(Name::parse(std::string(65, 'a')).has_value());
  CHECK(Text::parse(" any thing ").has_value());
  CHECK_FALSE(Text::parse("").has_value());
  CHECK_FALSE(Text::parse("a\0b"sv).has_value());
}

}  // namespace
}  // namespace sluice::config
