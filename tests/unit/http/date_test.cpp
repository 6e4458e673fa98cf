#include "http/date.hpp"

#include <doctest/doctest.h>

#include <array>
#include <ctime>
#include <string>

namespace sluice::http {
namespace {

std::string date_of(std::int64_t unix_seconds) {
  std::array<char, date_bytes> out;
  format_date(unix_seconds, out);
  return {out.begin(), out.end()};
}

TEST_CASE("known dates") {
  CHECK(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date_of(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110 §5.6.7
  CHECK(date_of(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(date_of(4107542399) == "Sun, 28 Feb 2100 23:59:59 GMT");
  CHECK(date_of(4107542400) == "Mon, 01 Mar 2100 00:00:00 GMT");
  CHECK(date_of(253402300799) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(date_of(-1) == date_of(0));
  CHECK(date_of(253402300800) == date_of(253402300799));
}

TEST_CASE("every day of two centuries is the one that the C library says") {
  for (std::int64_t day = 0; day < 73000; ++day) {
    std::int64_t second = day * 86400 + (day * 7919) % 86400;
    std::tm parts = {};
    gmtime_r(&second, &parts);
    char expected[64];
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    REQUIRE(date_of(second) == expected);
  }
}

TEST_CASE("the cache follows the clock, backwards too") {
  DateCache cache;
  for (std::int64_t second : {0, 784111777, 784111777, 784111778, 784111777})
    CHECK(cache.at(second) == date_of(second));
}

}  // namespace
}  // namespace sluice::http
