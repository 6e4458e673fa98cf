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
#include "metrics/slot.hpp"
#include "route/action_settings.hpp"
#include "route/conditions.hpp"
#include "route/header_settings.hpp"
#include "route/path_pattern.hpp"
#include "route/rewrite.hpp"

namespace sluice::route {

// What one exchange waits for, at most.
struct Timeouts {
  Duration connect = std::chrono::seconds(5);
  Duration first_byte = std::chrono::seconds(60);
  Duration idle = std::chrono::seconds(60);
  Duration tunnel = std::chrono::hours(1);

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// What an upstream or a route says itself; the rest comes from further out.
struct TimeoutOverrides {
  std::optional<Duration> connect;
  std::optional<Duration> first_byte;
  std::optional<Duration> idle;
  std::optional<Duration> tunnel;
  config::Given given{};

  [[nodiscard]] Timeouts over(const Timeouts& outer) const;

  friend bool operator==(const TimeoutOverrides&, const TimeoutOverrides&) = default;
};
// The ones that say everything themselves.
[[nodiscard]] TimeoutOverrides overrides(const Timeouts& timeouts);

// Bounds on the bodies of one exchange.
struct BodyLimits {
  std::uint64_t body_bytes = UINT64_MAX;  // of a request; UINT64_MAX: none
  std::uint64_t body_rate_min = 0;        // bytes a second, of a request body that we wait for
  std::uint64_t response_rate_min = 0;    // of a client that we wait for to take its response

  friend bool operator==(const BodyLimits&, const BodyLimits&) = default;
};

// What a route says itself; the rest comes from further out.
struct BodyLimitOverrides {
  std::optional<std::uint64_t> body_bytes;
  std::optional<std::uint64_t> body_rate_min;
  std::optional<std::uint64_t> response_rate_min;
  config::Given given{};

  [[nodiscard]] BodyLimits over(const BodyLimits& outer) const;
};

// One [[route]].
struct RouteSettings {
  config::Given given{};
  config::Placed<std::string> name;                  // empty: none given
  std::string host;                                  // lowercase, no port; "*.example.com" too; empty: any
  std::optional<config::Placed<PathPattern>> path;   // none: everything
  config::Placed<std::string> path_regex;            // in place of `path`; empty: none
  std::vector<config::Placed<std::string>> methods;  // empty: any
  std::vector<ConditionSettings> headers;
  std::vector<ConditionSettings> query;
  config::Placed<std::string> strip_prefix;  // a segment prefix of `path`; empty: nothing is stripped
  RewriteSettings rewrite;
  config::Placed<std::string> upstream;
  TimeoutOverrides timeouts;
  std::optional<UpstreamHost> upstream_host;
  HeaderEditSettings request_headers;
  HeaderEditSettings response_headers;
  std::optional<RedirectSettings> redirect;
  std::optional<RespondSettings> respond;
  std::vector<std::string> upgrade{"websocket"};  // lowercase
  bool half_close = false;
  std::optional<bool> trace;
  BodyLimitOverrides limits;
  metrics::Slot slot;       // where it counts; the control thread gives it out
  std::string distinction;  // what tell_apart() has put behind host and path

  [[nodiscard]] bool has_expression() const { return !path_regex.value.empty(); }
  // Of everything where there is none, or an expression.
  [[nodiscard]] PathPattern pattern() const { return path ? path->value : PathPattern(); }
  // The path or the expression as the file has it.
  [[nodiscard]] std::string path_text() const;
  // The given name, else "host/path", and the distinction.
  [[nodiscard]] std::string display_name() const;
};

extern const config::Keys<RouteSettings> route_keys;
// Keys of the `timeouts` of a route and of an upstream.
extern const config::Keys<TimeoutOverrides> timeout_override_keys;
// Keys of the `limits` of a route.
extern const config::Keys<BodyLimitOverrides> body_limit_keys;
// The ranges of limits that stand in a route and further out as well.
inline constexpr config::Range body_bytes_range{0, std::int64_t{1} << 50};
inline constexpr config::Range rate_range{0, std::int64_t{1} << 30};
// The range of every timeout.
inline constexpr config::Range timeout_range{std::chrono::milliseconds(1), std::chrono::hours(24)};

// Expressions cost every request of their host, and memory on every shard.
inline constexpr std::size_t expressions_max = 1000;

// `path` as well as `path_regex`, whatever they say.
[[nodiscard]] inline bool has_two_paths(const RouteSettings& route) {
  return route.given.has("path") && route.given.has("path_regex");
}

// Makes the names of all routes different: where host and path are the name of an earlier route, or the given name of
// any, " #2" stands behind them, or the next number that is free.
void tell_apart(std::span<RouteSettings> routes);

// What no single key can tell: keys that exclude each other, a strip_prefix that is not of the path, two routes for
// exactly the same requests, too many expressions.
void check_routes(std::span<const RouteSettings> routes, config::Problems& problems);

}  // namespace sluice::route
