#include "net/listener_settings.hpp"

#include <array>

#include "net/address_text.hpp"

namespace sluice::net {
namespace {

constexpr auto keys = std::to_array<config::Key<ListenerSettings>>({
    config::string<&ListenerSettings::name, config::Name>("name",
                                                          "Its name in logs and metrics; no two listeners share one.")
        .required(),
    config::string<&ListenerSettings::address, AddressText>(
        "address", "Where to listen; no two listeners share one. `0.0.0.0` and `[::]` mean every address of the host.")
        .required(),
    config::integer<&ListenerSettings::backlog>(
        "backlog", {1, 65535},
        "Connections that each shard, or a unix socket, lets wait in the kernel until they are accepted; "
        "`net.core.somaxconn` caps it."),
    config::string<&ListenerSettings::congestion_control, CongestionControl>(
        "congestion_control", "Congestion control towards clients; see [below](#congestion-control)."),
    config::string<&ListenerSettings::mode, FileModeText>(
        "mode", "Permissions of a unix socket's file: who may write to it may connect.")
        .otherwise("`\"0660\"` for a unix socket"),
    config::table<&ListenerSettings::proxy_protocol, proxy_protocol_keys>(
        "proxy_protocol", "Proxies in front that begin each connection with a PROXY header."),
});

}  // namespace

constinit const config::Keys<ListenerSettings> listener_keys = keys;

void check_listeners(std::span<const ListenerSettings> listeners, config::Problems& problems) {
  for (const ListenerSettings& listener : listeners) {
    if (!listener.mode.value || listener.address.value.empty() || listener.has_file()) continue;
    problems.add(listener.mode.place, fmt::format("`mode` is for unix sockets that have a file; {} has none",
                                                  config::in_quotes(listener.address.value)));
  }
}

}  // namespace sluice::net
