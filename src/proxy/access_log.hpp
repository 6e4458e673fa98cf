#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "proxy/log_layout.hpp"
#include "proxy/pooled_text.hpp"

namespace sluice::proxy {

// What one line of the access log tells. Views need to live only until it is written.
struct AccessLogEntry {
  std::int64_t unix_ms = 0;  // when the first byte of the request came
  unsigned shard = 0;
  std::string_view listener;
  std::string_view client;  // address, of whom trusted proxies name
  std::string_view peer;    // the other end of the connection, where that is somebody else
  std::string_view request_id;
  std::string_view method;  // empty: no request head could be read
  std::string_view host;
  std::string_view target;  // as the client sent it
  std::string_view protocol;
  std::string_view user_agent;
  std::string_view referer;
  int status = 0;
  std::uint64_t request_bytes = 0;   // of the body
  std::uint64_t response_bytes = 0;  // sent to the client, head included
  std::uint64_t body_bytes = 0;      // the same without the head
  std::string_view route;
  std::string_view upstream;
  std::string_view endpoint;
  bool is_relay = false;  // of a TCP listener: there was no message of HTTP, and so no status
  unsigned attempts = 0;  // upstream connections that were tried
  bool is_upstream_reused = false;
  // The phases, one after the other; negative: it did not come to that.
  Duration head{-1};        // until the request head was whole
  Duration queue{-1};       // until the first endpoint was asked
  Duration connect{-1};     // until there was a connection
  Duration first_byte{-1};  // until the final response head was there
  Duration total{0};
  std::string_view reason;  // empty: the response is the upstream's, and it ended well
  std::string_view detail;  // which rule a refused message broke
};

// Moves the texts of an entry into memory of its own, for a line that is written long after they are gone. Protocol,
// reason and detail are words of the program and stay.
void keep_texts(AccessLogEntry& entry, PooledText& memory);

// Longest line; what would be longer has its texts cut.
inline constexpr std::size_t log_line_bytes_max = 25 * 1024;

// Writes the entry as the layout says, as one line with its line feed; gives its length. Durations are seconds with
// microseconds.
//
// JSON: one object. Bytes that are not printable ASCII are escaped as \u00XX, so a line is valid UTF-8 and one line
// whatever a client sends.
// Combined: as Apache httpd and nginx have it. In quoted texts the quote, the backslash and all that is not printable
// ASCII become \xXX, so that splitting at quotes is always right.
[[nodiscard]] std::size_t write_log_line(std::span<char, log_line_bytes_max> memory, const AccessLogEntry& entry,
                                         const LogLayout& layout) noexcept;

}  // namespace sluice::proxy
