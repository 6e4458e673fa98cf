#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace sluice::config {

// "250ms", "30s", "1m30s", "2h": units h, m, s, ms, us, falling, each at most once.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// In the largest unit that divides it; exact to the microsecond.
[[nodiscard]] std::string duration_text(Duration duration);

// "512", "16KiB", "1MiB", "2GiB": bytes.
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);
[[nodiscard]] std::string size_text(std::int64_t bytes);

// Ways to read a string: `type` is what the reference calls it, `parse` gives the value or the second half of the
// sentence
// "`key` …".
template <class T>
using Parsed = std::expected<T, std::string>;

// Anything that is not empty.
struct Text {
  static constexpr std::string_view type = "string";
  static Parsed<std::string> parse(std::string_view text);
};

// The name of a listener, upstream or route: it stands in logs and metrics, so it is short and plain.
struct Name {
  static constexpr std::string_view type = "name";
  static Parsed<std::string> parse(std::string_view text);
};

// "127.0.0.1:8080" or "[::1]:8080", in canonical spelling. Port 1 to 65535.
struct IpPort {
  static constexpr std::string_view type = "ip:port";
  static Parsed<std::string> parse(std::string_view text);
};

}  // namespace sluice::config
