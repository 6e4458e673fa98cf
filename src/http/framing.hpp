#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

// How the body of a message is delimited (RFC 9112 §6.3). Decided once, by the head parser.
struct BodyFraming {
  enum class Kind : std::uint8_t {
    none,         // the message ends with its head
    length,       // exactly `length` bytes, which may be zero
    chunked,      // chunks, then a trailer section
    until_close,  // everything until the sender ends the connection; responses only
  };

  Kind kind = Kind::none;
  std::uint64_t length = 0;  // valid for Kind::length, otherwise zero

  static constexpr BodyFraming none() { return {}; }
  static constexpr BodyFraming of_length(std::uint64_t bytes) { return {Kind::length, bytes}; }
  static constexpr BodyFraming chunked() { return {Kind::chunked, 0}; }
  static constexpr BodyFraming until_close() { return {Kind::until_close, 0}; }

  // Whether bytes of the message may follow its head.
  [[nodiscard]] constexpr bool has_body() const {
    return kind == Kind::chunked || kind == Kind::until_close || (kind == Kind::length && length != 0);
  }

  friend constexpr bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

[[nodiscard]] std::string_view to_string(BodyFraming::Kind kind) noexcept;

}  // namespace sluice::http
