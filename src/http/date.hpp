#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

inline constexpr std::size_t date_bytes = 29;

// Writes an IMF-fixdate (RFC 9110 §5.6.7), such as "Sun, 06 Nov 1994 08:49:37 GMT".
// unix_seconds: from 0 to the end of the year 9999; values outside are clamped.
void format_date(std::int64_t unix_seconds, std::span<char, date_bytes> out) noexcept;

// What: the Date of the current second, formatted once per second.
// Shard: its owner's.
// Lifetime: a view is valid until at() is called with another second.
// Invariants: text_ is the date of second_.
class DateCache {
 public:
  [[nodiscard]] std::string_view at(std::int64_t unix_seconds) noexcept {
    if (unix_seconds != second_) {
      format_date(unix_seconds, text_);
      second_ = unix_seconds;
    }
    return {text_, date_bytes};
  }

 private:
  std::int64_t second_ = INT64_MIN;
  char text_[date_bytes] = {};
};

}  // namespace sluice::http
