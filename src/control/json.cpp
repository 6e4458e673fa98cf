#include "control/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sluice::control {

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, Duration duration) {
  constexpr std::int64_t ns_per_ms = 1'000'000;
  const std::int64_t ms = std::max<std::int64_t>(duration.count() / ns_per_ms, 0);
  fmt::format_to(std::back_inserter(out), "{}.{:03}", ms / 1000, ms % 1000);
}

}  // namespace sluice::control
