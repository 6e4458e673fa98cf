#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "config/key.hpp"
#include "proxy/log_layout.hpp"
#include "route/settings.hpp"

namespace sluice::proxy {

// [log]
struct LogSettings {
  std::string access = "off";  // path of the file, or "off"
  LogFormat format = LogFormat::json;
  std::vector<config::Placed<LogField>> fields;  // of JSON; empty: the standard ones
  std::uint64_t buffer = 256 * 1024;             // bytes for each shard; what does not fit is dropped and counted
  Duration flush = std::chrono::seconds(1);
  config::Given given{};

  [[nodiscard]] bool is_access_on() const { return access != "off"; }
  [[nodiscard]] LogLayout layout() const;
  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// [limits]
struct LimitSettings {
  std::uint64_t head_bytes = limits::head_bytes_max;
  std::uint32_t head_fields = limits::head_fields_max;
  std::uint64_t target_bytes = limits::target_bytes_max;
  std::uint64_t trailer_bytes = limits::trailer_bytes_max;
  std::optional<std::uint32_t> max_connections;             // from clients, for each shard; none: as descriptors allow
  std::optional<std::uint64_t> max_requests;                // on one connection from a client; none: no limit
  std::optional<std::uint32_t> max_connections_per_client;  // to each shard; none: no limit
  // Of an exchange whose route does not say.
  std::optional<std::uint64_t> body_bytes;  // none: no limit
  std::uint64_t body_rate_min = route::BodyLimits{}.body_rate_min;
  std::uint64_t response_rate_min = route::BodyLimits{}.response_rate_min;
  config::Given given{};

  [[nodiscard]] route::BodyLimits bodies() const {
    return {.body_bytes = body_bytes.value_or(route::BodyLimits{}.body_bytes),
            .body_rate_min = body_rate_min,
            .response_rate_min = response_rate_min};
  }
};

// [timeouts]
struct TimeoutSettings {
  Duration head = std::chrono::seconds(30);        // from the first byte of a request head to its end
  Duration keep_alive = std::chrono::seconds(75);  // client connection between requests
  Duration drain = std::chrono::seconds(30);       // from SIGTERM to the end
  // Of an exchange whose route and upstream do not say.
  Duration connect = route::Timeouts{}.connect;
  Duration first_byte = route::Timeouts{}.first_byte;
  Duration idle = route::Timeouts{}.idle;
  Duration tunnel = route::Timeouts{}.tunnel;
  config::Given given{};

  [[nodiscard]] route::Timeouts exchange() const {
    return {.connect = connect, .first_byte = first_byte, .idle = idle, .tunnel = tunnel};
  }
};

extern const config::Keys<LogSettings> log_keys;
extern const config::Keys<LimitSettings> limit_keys;
extern const config::Keys<TimeoutSettings> timeout_keys;

}  // namespace sluice::proxy
