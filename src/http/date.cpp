#include "http/date.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace {

constexpr std::int64_t last_second = 253402300799;  // 9999-12-31T23:59:59Z

void write_digits(char* out, unsigned value, int count) {
  while (count != 0) {
    out[--count] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

struct CivilDate {
  unsigned year = 0;
  unsigned month = 0;  // 0 is January
  unsigned day = 0;    // from 1
};

// The Gregorian date of a day since 1970-01-01. Years are counted from March, so that the leap day comes last.
CivilDate civil_date(std::uint32_t days) {
  constexpr std::uint32_t days_per_era = 146097;      // 400 years
  constexpr std::uint32_t days_before_1970 = 719468;  // since 0000-03-01
  std::uint32_t since = days + days_before_1970;
  std::uint32_t era = since / days_per_era;
  std::uint32_t day_of_era = since % days_per_era;
  std::uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  date.month = (month_from_march + 2) % 12;
  date.year = era * 400 + year_of_era + (date.month < 2 ? 1 : 0);
  return date;
}

}  // namespace

void format_date(std::int64_t unix_seconds, std::span<char, date_bytes> out) noexcept {
  constexpr char weekdays[] = "SunMonTueWedThuFriSat";
  constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::uint32_t seconds_per_day = 86400;
  std::int64_t seconds = std::clamp<std::int64_t>(unix_seconds, 0, last_second);
  auto days = static_cast<std::uint32_t>(seconds / seconds_per_day);
  auto second_of_day = static_cast<std::uint32_t>(seconds % seconds_per_day);
  CivilDate date = civil_date(days);

  std::memcpy(out.data(), "Thu, 01 Jan 1970 00:00:00 GMT", date_bytes);
  std::memcpy(&out[0], weekdays + std::size_t{3} * ((days + 4) % 7), 3);  // the epoch was a Thursday
  write_digits(&out[5], date.day, 2);
  std::memcpy(&out[8], months + std::size_t{3} * date.month, 3);
  write_digits(&out[12], date.year, 4);
  write_digits(&out[17], second_of_day / 3600, 2);
  write_digits(&out[20], second_of_day / 60 % 60, 2);
  write_digits(&out[23], second_of_day % 60, 2);
}

}  // namespace sluice::http
