#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/key.hpp"
#include "metrics/slot.hpp"
#include "net/congestion_control.hpp"
#include "route/settings.hpp"

namespace sluice::upstream {

struct EndpointSettings {
  config::Placed<std::string> address;  // "ip:port" or "unix:path", canonical
  std::uint32_t weight = 1;
  metrics::Slot slot;  // where it counts; the control thread gives it out
  config::Given given{};

  friend bool operator==(const EndpointSettings&, const EndpointSettings&) = default;
};

struct KeepAliveSettings {
  std::uint32_t max_idle = 1024;  // idle connections that one shard keeps to the whole upstream
  Duration idle_timeout = std::chrono::seconds(55);
  std::optional<std::uint64_t> max_requests;  // on one connection; none: no limit
  config::Given given{};

  friend bool operator==(const KeepAliveSettings&, const KeepAliveSettings&) = default;
};

// The PROXY header with which a connection to an endpoint begins.
enum class ProxyProtocol : std::uint8_t { off, v1, v2 };
inline constexpr std::array<std::string_view, 3> proxy_protocol_names = {"off", "v1", "v2"};
[[nodiscard]] std::string_view to_string(ProxyProtocol protocol) noexcept;

// One [upstream.NAME].
struct UpstreamSettings {
  config::Placed<std::string> name;
  std::vector<EndpointSettings> endpoints;
  KeepAliveSettings keep_alive;
  config::Placed<std::string> congestion_control{std::string(net::CongestionControl::automatic), {}};
  route::TimeoutOverrides timeouts;
  route::UpstreamHost upstream_host;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  metrics::Slot slot;
  config::Given given{};

  // What a reload goes by: an upstream whose settings are equal is left alone.
  friend bool operator==(const UpstreamSettings&, const UpstreamSettings&) = default;
};

extern const config::Keys<UpstreamSettings> upstream_keys;

}  // namespace sluice::upstream
