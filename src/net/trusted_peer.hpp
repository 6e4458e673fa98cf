#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "config/scalar.hpp"
#include "net/address.hpp"

namespace sluice::net {

// Whom a list in the configuration trusts.
struct TrustedPeer {
  std::optional<IpNetwork> network;  // none: whoever comes through a unix socket
  friend bool operator==(const TrustedPeer&, const TrustedPeer&) = default;
};
[[nodiscard]] std::string to_string(const TrustedPeer& peer);

// How the file names one: "10.0.0.0/8", "::1", "unix".
struct TrustedPeerText {
  static constexpr std::string_view type = R"(network or "unix")";
  static config::Parsed<TrustedPeer> parse(std::string_view text);
};

// What: the same list, as a shard asks it.
// Shard: any; immutable.
class PeerSet {
 public:
  PeerSet() = default;
  explicit PeerSet(std::span<const TrustedPeer> peers);

  // peer: the other end of a connection. One without an address is in no set but by "unix".
  [[nodiscard]] bool contains(const Address& peer) const;
  [[nodiscard]] const IpSet& networks() const { return networks_; }

 private:
  IpSet networks_;
  bool has_unix_ = false;
};

}  // namespace sluice::net
