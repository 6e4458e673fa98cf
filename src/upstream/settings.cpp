#include "upstream/settings.hpp"

#include <array>

#include "balance/round_robin.hpp"
#include "net/address_text.hpp"

namespace sluice::upstream {
namespace {

constexpr auto endpoint_list = std::to_array<config::Key<EndpointSettings>>({
    config::string<&EndpointSettings::address, net::AddressText>(
        "address", "Address of a server; no two endpoints of an upstream share one. Alone, the bare string will do.")
        .required(),
    config::integer<&EndpointSettings::weight>(
        "weight", {1, balance::WeightedRoundRobin::weight_max},
        "Its share of the requests, relative to the other endpoints of the upstream."),
});
constinit const config::Keys<EndpointSettings> endpoint_keys = endpoint_list;

constexpr auto keep_alive_list = std::to_array<config::Key<KeepAliveSettings>>({
    config::integer<&KeepAliveSettings::max_idle>(
        "max_idle", {0, 65535},
        "Idle connections that each shard keeps to the upstream; `0` closes every connection after use."),
    config::duration<&KeepAliveSettings::idle_timeout>(
        "idle_timeout", route::timeout_range,
        "Age at which an idle connection is closed. Keep it below the idle timeout of the servers, often 60 s."),
    config::integer<&KeepAliveSettings::max_requests>("max_requests", {1, 1'000'000'000},
                                                      "Requests after which a connection is not used again.")
        .otherwise("no limit"),
});
constinit const config::Keys<KeepAliveSettings> keep_alive_keys = keep_alive_list;

constexpr auto keys = std::to_array<config::Key<UpstreamSettings>>({
    config::list<&UpstreamSettings::endpoints, endpoint_keys>(
        "endpoints", {1, 1024}, "The servers that requests are shared out among, by weighted round robin.")
        .required(),
    config::table<&UpstreamSettings::keep_alive, keep_alive_keys>("keep_alive",
                                                                  "What happens to connections after an exchange."),
    config::string<&UpstreamSettings::congestion_control, net::CongestionControl>(
        "congestion_control", "Congestion control towards its endpoints; see [below](#congestion-control)."),
    config::table<&UpstreamSettings::timeouts, route::timeout_override_keys>(
        "timeouts", "Timeouts of this upstream, in place of the ones of `[timeouts]`."),
    config::string<&UpstreamSettings::upstream_host, route::UpstreamHostText>(
        "upstream_host", "The Host that goes to it: that of the request, the address of the endpoint, or this one."),
    config::choice<&UpstreamSettings::proxy_protocol, proxy_protocol_names>(
        "proxy_protocol",
        "The PROXY header that tells its endpoints whose connection it is; each connection then serves one client "
        "alone."),
});

}  // namespace

constinit const config::Keys<UpstreamSettings> upstream_keys = keys;

std::string_view to_string(ProxyProtocol protocol) noexcept {
  return proxy_protocol_names[static_cast<std::size_t>(protocol)];
}

}  // namespace sluice::upstream
