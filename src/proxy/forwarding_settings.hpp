#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "http/field_names.hpp"
#include "http/forwarded.hpp"
#include "net/trusted_peer.hpp"

namespace sluice::proxy {

// [forwarding]
struct ForwardingSettings {
  std::vector<net::TrustedPeer> trusted_proxies;  // proxies in front of this one whose word counts
  http::HopField client_from = http::HopField::x_forwarded_for;
  bool forwarded = false;
  bool trace = false;                         // of a route that does not say
  std::vector<std::string> identity_headers;  // empty: default_identity_headers()
  config::Given given{};
};

extern const config::Keys<ForwardingSettings> forwarding_keys;
[[nodiscard]] std::vector<std::string> default_identity_headers();

// What: the same, as a shard asks for it.
// Shard: any; immutable.
struct ForwardingRules {
  ForwardingRules() = default;
  explicit ForwardingRules(const ForwardingSettings& settings);

  net::PeerSet trusted;
  http::HopField client_from = http::HopField::x_forwarded_for;
  bool writes_forwarded = false;
  http::FieldNames identity;
};

}  // namespace sluice::proxy
