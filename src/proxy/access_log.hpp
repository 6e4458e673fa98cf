#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "http/writer.hpp"

namespace sluice::proxy {

// What one line of the access log tells. Views need to live only until it is written.
struct AccessLogEntry {
  std::int64_t unix_ms = 0;  // when the first byte of the request came
  unsigned shard = 0;
  std::string_view listener;
  std::string_view client;  // address
  std::string_view request_id;
  std::string_view method;  // empty: no request head could be read
  std::string_view host;
  std::string_view target;  // as the client sent it
  std::string_view protocol;
  std::string_view user_agent;
  int status = 0;
  std::uint64_t request_bytes = 0;   // of the body
  std::uint64_t response_bytes = 0;  // sent to the client, head included
  std::string_view route;
  std::string_view upstream;
  std::string_view endpoint;
  unsigned attempts = 0;  // upstream connections that were tried
  bool is_upstream_reused = false;
  Duration connect{-1};     // to get a connection; negative: it did not come to that
  Duration first_byte{-1};  // from the end of that until the final response head
  Duration total{0};
  std::string_view reason;  // empty: the response is the upstream's, and it ended well
  std::string_view detail;  // which rule a refused message broke
};

// Longest line; what would be longer has its texts cut.
inline constexpr std::size_t log_line_bytes_max = 24 * 1024;

// Writes the entry as one JSON object and a line feed. Durations are seconds with microseconds. Bytes that are not
// printable ASCII are escaped as \u00XX, so a line is valid UTF-8 and one line whatever a client sends.
void write_json_line(http::Writer& out, const AccessLogEntry& entry) noexcept;

}  // namespace sluice::proxy
