#include "net/trusted_peer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {
namespace {

std::vector<TrustedPeer> peers(std::initializer_list<std::string_view> texts) {
  std::vector<TrustedPeer> list;
  for (std::string_view text : texts) list.push_back(TrustedPeerText::parse(text).value());
  return list;
}

TEST_CASE("who is trusted, as the file names them") {
  for (std::string_view text : {"10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", "unix"}) {
    CAPTURE(text);
    const auto peer = TrustedPeerText::parse(text);
    REQUIRE(peer);
    CHECK(to_string(*peer) == text);
  }
  for (std::string_view text :
       {"", "10.0.0.1/8", "10.0.0.0/33", "Unix", "unix:", "unix:/run/a", "localhost", "10.0.0", "*"}) {
    CAPTURE(text);
    CHECK(!TrustedPeerText::parse(text));
  }
}

TEST_CASE("who is in a set of peers") {
  auto address = [](std::string_view text) { return Address::parse(text).value(); };
  const PeerSet networks(peers({"10.0.0.0/8", "2001:db8::/32"}));
  CHECK(networks.contains(address("10.1.2.3:1")));
  CHECK(networks.contains(address("[::ffff:10.1.2.3]:1")));
  CHECK(networks.contains(address("[2001:db8::1]:1")));
  CHECK(!networks.contains(address("11.0.0.1:1")));
  CHECK(!networks.contains(address("[2001:db9::1]:1")));
  CHECK(!networks.contains(Address::unnamed_unix()));
  CHECK(!networks.contains(Address()));
  const PeerSet unix_alone(peers({"unix"}));
  CHECK(unix_alone.contains(Address::unnamed_unix()));
  CHECK(!unix_alone.contains(address("127.0.0.1:1")));
  CHECK(!unix_alone.contains(Address()));
  const PeerSet nobody;
  CHECK(!nobody.contains(address("127.0.0.1:1")));
  CHECK(!nobody.contains(Address::unnamed_unix()));
}

}  // namespace
}  // namespace sluice::net
