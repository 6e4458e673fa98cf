#include "proxy/log_layout.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/problems.hpp"

namespace sluice::proxy {
namespace {

// In the order of LogField.
constexpr std::array<std::string_view, log_field_count> names{
    "ts",         "shard",    "listener",   "client", "peer",          "request_id",     "method",
    "host",       "target",   "protocol",   "status", "request_bytes", "response_bytes", "route",
    "upstream",   "endpoint", "attempts",   "reused", "head",          "queue",          "connect",
    "first_byte", "total",    "user_agent", "reason", "detail",        "body_bytes",     "referer"};

}  // namespace

std::string_view to_string(LogFormat format) noexcept { return log_format_names[static_cast<std::size_t>(format)]; }

std::string_view to_string(LogField field) noexcept { return names[static_cast<std::size_t>(field)]; }

const std::vector<LogField>& standard_log_fields() {
  static const std::vector<LogField> fields = [] {
    std::vector<LogField> all;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(LogField::detail); ++i)
      all.push_back(static_cast<LogField>(i));
    return all;
  }();
  return fields;
}

config::Parsed<LogField> LogFieldName::parse(std::string_view text) {
  auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<LogField>(found - names.begin());
  return std::unexpected(fmt::format("must be a field of the access log, not {}{}", config::in_quotes(text),
                                     config::suggestion(text, names)));
}

}  // namespace sluice::proxy
