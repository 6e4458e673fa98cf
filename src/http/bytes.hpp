#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// Classes of bytes that the grammars of RFC 9110 and RFC 3986 speak of.
namespace sluice::http {

enum ByteClass : std::uint8_t {
  byte_token = 1,       // tchar, RFC 9110 §5.6.2
  byte_path = 2,        // pchar and '/', RFC 3986 §3.3
  byte_query = 4,       // what is accepted in a query
  byte_unreserved = 8,  // RFC 3986 §2.3
  byte_host = 16,       // in the labels of a host
};

inline constexpr auto byte_classes = [] {
  std::array<std::uint8_t, 256> table = {};
  auto mark = [&](std::string_view bytes, unsigned classes) {
    for (char c : bytes) {
      auto& entry = table[static_cast<unsigned char>(c)];
      entry = static_cast<std::uint8_t>(entry | classes);
    }
  };
  constexpr unsigned uri = byte_path | byte_query;
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
       byte_token | uri | byte_unreserved | byte_host);
  mark(".~", byte_token | uri | byte_unreserved);
  mark("!#$%&'*+^`|", byte_token);
  mark("%!$&'()*+,;=:@/", uri);
  // RFC 3986 has only '?' of these in a query; the URL standard of the browsers sends the others unescaped too.
  mark("?[]{}|\\^`", byte_query);
  return table;
}();

[[nodiscard]] constexpr bool is_byte(char c, ByteClass byte_class) {
  return (byte_classes[static_cast<unsigned char>(c)] & byte_class) != 0;
}

// Whether every byte belongs to the class; true for no bytes.
[[nodiscard]] constexpr bool are_bytes(std::string_view text, ByteClass byte_class) {
  unsigned common = byte_class;
  for (char c : text) common &= byte_classes[static_cast<unsigned char>(c)];
  return common != 0;
}

[[nodiscard]] constexpr bool is_token(std::string_view text) { return !text.empty() && are_bytes(text, byte_token); }

}  // namespace sluice::http
