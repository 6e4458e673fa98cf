#include "proxy/log_line.hpp"

namespace sluice::proxy {

namespace {

constexpr bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Whether all eight bytes are plain. A borrow or a carry goes from one byte into the next only where the first is not,
// so what comes out is right as a whole.
constexpr bool are_plain(std::uint64_t bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = ones * 0x80;
  auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word; };
  const std::uint64_t below_space = (bytes - ones * 0x20) & ~bytes;
  const std::uint64_t from_delete = bytes | (bytes + ones);
  return ((below_space | from_delete | has_zero(bytes ^ (ones * '"')) | has_zero(bytes ^ (ones * '\\'))) & tops) == 0;
}

char* write_byte(char* at, char c, Escape escape) noexcept {
  if (is_plain(c)) {
    *at++ = c;
    return at;
  }
  const auto byte = static_cast<unsigned char>(c);
  *at++ = '\\';
  if (escape == Escape::hex) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    *at++ = 'x';
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
  } else if (c == '"' || c == '\\') {
    *at++ = c;
  } else {
    constexpr std::string_view digits = "0123456789abcdef";
    *at++ = 'u';
    *at++ = '0';
    *at++ = '0';
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
  }
  return at;
}

// Copies the last `rest` bytes of a text, fewer than eight, whose bytes before them stand in front of `at`; false where
// one of them is not plain. Two copies that overlap take less than one of a size that varies.
bool copy_end(char* at, std::string_view text, std::size_t rest) noexcept {
  std::uint64_t bytes = 0;
  if (text.size() >= 8) {
    std::memcpy(&bytes, text.data() + text.size() - 8, 8);
    if (!are_plain(bytes)) return false;
    std::memcpy(at + rest - 8, &bytes, 8);
    return true;
  }
  if (rest < 4) return false;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::memcpy(&first, text.data(), 4);
  std::memcpy(&last, text.data() + rest - 4, 4);
  if (!are_plain(std::uint64_t{first} << 32 | last)) return false;
  std::memcpy(at, &first, 4);
  std::memcpy(at + rest - 4, &last, 4);
  return true;
}

}  // namespace

void LogLine::text(std::string_view text, Escape escape) noexcept {
  text = text.substr(0, text_bytes_max);
  const char* from = text.data();
  const char* const end = from + text.size();
  char* at = at_;
  // Up to eight bytes go between two looks at it, each of them six when escaped.
  const char* const limit = at + escaped_bytes_max - std::size_t{8} * 6;
  std::uint64_t bytes = 0;
  for (; end - from >= 8 && at <= limit; from += 8) {
    std::memcpy(&bytes, from, 8);
    if (are_plain(bytes)) [[likely]] {
      std::memcpy(at, &bytes, 8);
      at += 8;
    } else {
      for (int i = 0; i < 8; ++i) at = write_byte(at, from[i], escape);
    }
  }
  const auto rest = static_cast<std::size_t>(end - from);
  const bool is_unchanged = at - at_ == from - text.data();
  if (rest != 0 && is_unchanged && copy_end(at, text, rest)) {
    at += rest;
  } else if (at <= limit) {
    while (from != end) at = write_byte(at, *from++, escape);
  }
  at_ = at;
}

}  // namespace sluice::proxy
