#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "net/trusted_peer.hpp"

namespace sluice::net {

// What becomes of connections from who may not send a PROXY header.
enum class OtherPeers : std::uint8_t {
  refuse,
  serve,  // as the clients that they are
};
inline constexpr std::array<std::string_view, 2> other_peers_names = {"refuse", "serve"};
[[nodiscard]] std::string_view to_string(OtherPeers others) noexcept;

// `proxy_protocol` of a listener.
struct ProxyProtocolSettings {
  std::vector<TrustedPeer> from;
  OtherPeers others = OtherPeers::refuse;
  config::Given given{};

  friend bool operator==(const ProxyProtocolSettings&, const ProxyProtocolSettings&) = default;
};

extern const config::Keys<ProxyProtocolSettings> proxy_protocol_keys;

}  // namespace sluice::net
