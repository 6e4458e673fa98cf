#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "http/head.hpp"
#include "runtime/task.hpp"

namespace sluice::origin {

class Connection;

// How an exchange leaves its connection.
enum class Ending : std::uint8_t {
  next,    // another request may follow, if both sides agreed to that
  close,   // FIN
  reset,   // RST
  failed,  // the client went away, stalled, or sent broken framing
};
[[nodiscard]] std::string_view to_string(Ending ending) noexcept;

// What the query of a path may say; every value is a number.
enum class Parameter : std::uint8_t {
  boundary,
  bytes,
  checksum,
  chunk,
  chunked,
  close,
  count,
  delay_ms,
  events,
  interval_ms,
  ms,
  refuse,
  reset,
  reused,
  silent,
  size,
  status,
  trailers,
};
inline constexpr std::size_t parameter_count = static_cast<std::size_t>(Parameter::trailers) + 1;
[[nodiscard]] std::string_view to_string(Parameter parameter) noexcept;

// One path that the origin serves.
struct Route {
  // What follows the path's text.
  enum class Argument : std::uint8_t { none, bytes, milliseconds, status, malformation };
  // Who reads the request's body.
  enum class Body : std::uint8_t { discarded_first, left_to_handler };

  std::string_view path;
  Argument argument = Argument::none;
  Body body = Body::discarded_first;
  runtime::Task<Ending> (*serve)(Connection& connection) = nullptr;
};

// What a client asked for, taken out of its head. A value, but for the views.
struct Request {
  const Route* route = nullptr;
  std::uint64_t argument = 0;  // as the route says: bytes, milliseconds, a status, or an index of malformations
  http::Method method = http::Method::other;
  http::Version version = http::Version::http_1_1;
  http::BodyFraming framing;
  bool keep_alive = false;
  bool expect_continue = false;
  // Valid until the next bytes are received.
  std::string_view head;
  std::string_view content_type;

  [[nodiscard]] bool has(Parameter parameter) const { return (given_ >> static_cast<unsigned>(parameter) & 1) != 0; }
  [[nodiscard]] std::uint64_t number(Parameter parameter, std::uint64_t otherwise) const {
    return has(parameter) ? values_[static_cast<std::size_t>(parameter)] : otherwise;
  }
  [[nodiscard]] bool is_set(Parameter parameter) const { return number(parameter, 0) != 0; }
  void set(Parameter parameter, std::uint64_t value) {
    given_ |= 1U << static_cast<unsigned>(parameter);
    values_[static_cast<std::size_t>(parameter)] = value;
  }

 private:
  static_assert(parameter_count <= 32, "given_ has one bit for each parameter");
  std::uint32_t given_ = 0;
  std::array<std::uint64_t, parameter_count> values_;  // those that are given
};

// Why a well-formed request is not served.
struct Refusal {
  int status = 404;
  std::string_view reason;  // a literal
};

// Takes what matters out of a head. With a refusal the method, version, framing and connection are set all the same, so
// that it can be answered.
[[nodiscard]] std::expected<void, Refusal> read_request(const http::RequestHead& head, Request& request) noexcept;

// "64", "64K", "1M": bytes with a binary suffix.
[[nodiscard]] std::expected<std::uint64_t, Refusal> parse_number(std::string_view text, std::uint64_t max) noexcept;

}  // namespace sluice::origin
