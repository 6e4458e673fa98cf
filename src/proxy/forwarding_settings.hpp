#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "config/key.hpp"
#include "http/field_names.hpp"
#include "http/forwarded.hpp"

namespace sluice::proxy {

// Proxies in front of this one whose word counts.
struct TrustedProxy {
  std::optional<IpNetwork> network;  // none: whoever comes through a unix socket
};
[[nodiscard]] std::string to_string(const TrustedProxy& proxy);

// [forwarding]
struct ForwardingSettings {
  std::vector<TrustedProxy> trusted_proxies;
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

  IpSet trusted;
  bool trusts_unix = false;
  http::HopField client_from = http::HopField::x_forwarded_for;
  bool writes_forwarded = false;
  http::FieldNames identity;
};

}  // namespace sluice::proxy
