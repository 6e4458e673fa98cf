#pragma once

#include <optional>
#include <string>

#include "net/listener_settings.hpp"
#include "net/trusted_peer.hpp"

namespace sluice::proxy {

// Who puts a PROXY header in front of a connection.
struct ProxyHeaderRule {
  net::PeerSet from;
  bool serves_others = false;
};

// What: how a listener's connections begin, as a shard goes by it; a connection asks once, when it is accepted.
struct ListenerTerms {
  std::optional<ProxyHeaderRule> proxy_header;  // none: nobody does
  net::ListenerProtocol protocol = net::ListenerProtocol::http;
  std::string upstream;  // its name; valid with ListenerProtocol::tcp

  ListenerTerms() = default;
  explicit ListenerTerms(const net::ListenerSettings& settings);
};

}  // namespace sluice::proxy
