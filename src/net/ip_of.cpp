#include "net/ip_of.hpp"

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::net {

std::optional<IpAddress> ip_of(const Address& address) {
  const char* bytes = reinterpret_cast<const char*>(address.data());
  if (address.family() == AF_INET) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), bytes + offsetof(sockaddr_in, sin_addr), v4.size());
    return IpAddress::v4(v4);
  }
  if (address.family() == AF_INET6) {
    std::array<std::uint8_t, 16> v6{};
    std::memcpy(v6.data(), bytes + offsetof(sockaddr_in6, sin6_addr), v6.size());
    return IpAddress::v6(v6);
  }
  return std::nullopt;
}

}  // namespace sluice::net
