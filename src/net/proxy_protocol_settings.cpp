#include "net/proxy_protocol_settings.hpp"

namespace sluice::net {
namespace {

constexpr auto keys = std::to_array<config::Key<ProxyProtocolSettings>>({
    config::strings<&ProxyProtocolSettings::from, TrustedPeerText>(
        "from", {1, 1024},
        "Who has to begin each connection with a PROXY header, and is believed: addresses, networks, and `\"unix\"` "
        "for "
        "whoever comes through a unix socket.")
        .required(),
    config::choice<&ProxyProtocolSettings::others, other_peers_names>(
        "others", "What becomes of connections from anybody else; served ones have no PROXY header."),
});

}  // namespace

constinit const config::Keys<ProxyProtocolSettings> proxy_protocol_keys = keys;

std::string_view to_string(OtherPeers others) noexcept { return other_peers_names[static_cast<std::size_t>(others)]; }

}  // namespace sluice::net
