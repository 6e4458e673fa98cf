#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/scalar.hpp"

namespace sluice::proxy {

enum class LogFormat : std::uint8_t { json, combined };
inline constexpr std::array<std::string_view, 2> log_format_names{"json", "combined"};
[[nodiscard]] std::string_view to_string(LogFormat format) noexcept;

// What a line of JSON can tell, in the order in which it does unless the configuration says otherwise.
enum class LogField : std::uint8_t {
  ts,
  shard,
  listener,
  client,
  peer,
  request_id,
  method,
  host,
  target,
  protocol,
  status,
  request_bytes,
  response_bytes,
  route,
  upstream,
  endpoint,
  attempts,
  reused,
  head,
  queue,
  connect,
  first_byte,
  total,
  user_agent,
  reason,
  detail,
  // Only where the configuration asks for them.
  body_bytes,
  referer,
};
inline constexpr std::size_t log_field_count = static_cast<std::size_t>(LogField::referer) + 1;
[[nodiscard]] std::string_view to_string(LogField field) noexcept;
// Those that a line has where the configuration does not say.
[[nodiscard]] const std::vector<LogField>& standard_log_fields();

// How lines of the access log are written.
struct LogLayout {
  LogFormat format = LogFormat::json;
  std::vector<LogField> fields = standard_log_fields();  // of JSON
  bool needs_referer = false;
};

// A way to read the name of a field; see config/scalar.hpp.
struct LogFieldName {
  static constexpr std::string_view type = "field";
  static config::Parsed<LogField> parse(std::string_view text);
};

}  // namespace sluice::proxy
