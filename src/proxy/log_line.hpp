#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ascii.hpp"
#include "base/clock.hpp"

namespace sluice::proxy {

// How a text's bytes are written that do not stand for themselves: as \u00XX, or as \xXX.
enum class Escape : std::uint8_t { json, hex };

// What: the pieces of one line of the access log, one behind the other, without a look at where the memory ends: it has
//       room for the longest line, since every piece is bounded.
// Shard: any; a value.
// Lifetime: the memory outlives it.
class LogLine {
 public:
  // Longest text of a client that goes into a line, and what it may become.
  static constexpr std::size_t text_bytes_max = 1024;
  static constexpr std::size_t escaped_bytes_max = 1536;

  explicit LogLine(char* memory) : begin_(memory), at_(memory) {}

  [[nodiscard]] char* begin() const { return begin_; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

  template <std::size_t size>
  void literal(const char (&text)[size]) noexcept {
    std::memcpy(at_, text, size - 1);
    at_ += size - 1;
  }
  void literal(char c) noexcept { *at_++ = c; }
  // A word of the program.
  void word(std::string_view text) noexcept {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  // Text of a client, or of the configuration.
  void text(std::string_view text, Escape escape) noexcept;
  void decimal(std::uint64_t value) noexcept {
    if (value < 10) return literal(static_cast<char>('0' + value));
    if (value < 100) return two_digits(value);
    at_ = ascii::write_decimal(at_, value);
  }
  // value: below 100; below 10,000.
  void two_digits(std::uint64_t value) noexcept {
    *at_++ = static_cast<char>('0' + value / 10);
    *at_++ = static_cast<char>('0' + value % 10);
  }
  void four_digits(std::uint64_t value) noexcept {
    two_digits(value / 100);
    two_digits(value % 100);
  }
  // With six digits behind the point.
  void seconds(Duration duration) noexcept {
    const auto all =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
    const std::uint64_t microseconds = all % 1'000'000;
    decimal(all / 1'000'000);
    literal('.');
    two_digits(microseconds / 10'000);
    four_digits(microseconds % 10'000);
  }

 private:
  char* begin_;
  char* at_;
};

}  // namespace sluice::proxy
