#include "net/listener_settings.hpp"

#include <array>

namespace sluice::net {
namespace {

constexpr auto keys = std::to_array<config::Key<ListenerSettings>>({
    config::string<&ListenerSettings::name, config::Name>("name",
                                                          "Its name in logs and metrics; no two listeners share one.")
        .required(),
    config::string<&ListenerSettings::address, config::IpPort>(
        "address", "Where to listen; no two listeners share one. `0.0.0.0` and `[::]` mean every address of the host.")
        .required(),
    config::integer<&ListenerSettings::backlog>(
        "backlog", {1, 65535},
        "Connections that each shard lets wait in the kernel until they are accepted; `net.core.somaxconn` caps it."),
    config::string<&ListenerSettings::congestion_control, CongestionControl>(
        "congestion_control", "Congestion control towards clients; see [below](#congestion-control)."),
});

}  // namespace

constinit const config::Keys<ListenerSettings> listener_keys = keys;

}  // namespace sluice::net
