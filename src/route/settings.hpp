#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/key.hpp"

namespace sluice::route {

// What one exchange waits for, at most.
struct Timeouts {
  Duration connect = std::chrono::seconds(5);
  Duration first_byte = std::chrono::seconds(60);
  Duration idle = std::chrono::seconds(60);

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// What an upstream or a route says itself; the rest comes from further out.
struct TimeoutOverrides {
  std::optional<Duration> connect;
  std::optional<Duration> first_byte;
  std::optional<Duration> idle;

  [[nodiscard]] Timeouts over(const Timeouts& outer) const;
};
// The ones that say everything themselves.
[[nodiscard]] TimeoutOverrides overrides(const Timeouts& timeouts);

// "/v1/*" is the prefix "/v1": that path and everything below it. "/x" is the path "/x" alone.
struct PathPattern {
  std::string path;  // without the "/*" of a prefix; the prefix of everything is ""
  bool is_prefix = true;

  friend auto operator<=>(const PathPattern&, const PathPattern&) = default;
};
[[nodiscard]] std::string to_string(const PathPattern& pattern);

// One [[route]].
struct RouteSettings {
  config::Place place;
  bool has_problem = false;
  config::Placed<std::string> name;  // empty: none given
  std::string host;                  // lowercase, no port; empty: any
  PathPattern path;
  config::Placed<std::string> strip_prefix;  // a segment prefix of `path`; empty: nothing is stripped
  config::Placed<std::string> upstream;
  TimeoutOverrides timeouts;

  // The given name, else "host/path".
  [[nodiscard]] std::string display_name() const;
};

extern const config::Keys<RouteSettings> route_keys;
// Keys of the `timeouts` of a route and of an upstream.
extern const config::Keys<TimeoutOverrides> timeout_override_keys;
// The range of every timeout.
inline constexpr config::Range timeout_range{std::chrono::milliseconds(1), std::chrono::hours(24)};

// What no single key can tell: a strip_prefix that is not of the path, two routes for the same host and path.
void check_routes(std::span<const RouteSettings> routes, config::Problems& problems);

}  // namespace sluice::route
