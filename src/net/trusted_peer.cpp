#include "net/trusted_peer.hpp"

#include <vector>

#include <fmt/format.h>

#include "config/problems.hpp"
#include "net/ip_of.hpp"

namespace sluice::net {
namespace {

constexpr std::string_view unix_word = "unix";

}  // namespace

std::string to_string(const TrustedPeer& peer) {
  return peer.network ? peer.network->to_string() : std::string(unix_word);
}

config::Parsed<TrustedPeer> TrustedPeerText::parse(std::string_view text) {
  if (text == unix_word) return TrustedPeer{};
  if (auto network = IpNetwork::parse(text)) return TrustedPeer{network};
  return std::unexpected(
      fmt::format("must be an address, a network such as \"10.0.0.0/8\" without bits behind its prefix, or \"unix\", "
                  "not {}",
                  config::in_quotes(text)));
}

PeerSet::PeerSet(std::span<const TrustedPeer> peers) {
  std::vector<IpNetwork> networks;
  for (const TrustedPeer& peer : peers) {
    if (peer.network) networks.push_back(*peer.network);
    has_unix_ = has_unix_ || !peer.network;
  }
  networks_ = IpSet(networks);
}

bool PeerSet::contains(const Address& peer) const {
  if (peer.is_unix()) return has_unix_;
  if (networks_.is_empty()) return false;
  const std::optional<IpAddress> ip = ip_of(peer);
  return ip && networks_.contains(*ip);
}

}  // namespace sluice::net
