#include "net/ip_of.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <string>

namespace sluice::net {
namespace {

std::string ip_text(const Address& address) {
  auto ip = ip_of(address);
  return ip ? ip->to_string() : "none";
}

TEST_CASE("the IP address of a socket address") {
  CHECK(ip_text(Address::parse("192.0.2.1:80").value()) == "192.0.2.1");
  CHECK(ip_text(Address::parse("[2001:db8::1]:80").value()) == "2001:db8::1");
  CHECK(ip_text(Address::parse("[::ffff:192.0.2.1]:80").value()) == "192.0.2.1");
  CHECK(ip_text(Address()) == "none");
  sockaddr unnamed{};
  unnamed.sa_family = AF_UNIX;
  CHECK(ip_text(Address::from_sockaddr(&unnamed, sizeof unnamed.sa_family)) == "none");
}

}  // namespace
}  // namespace sluice::net
