#include "net/address_check.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "runtime/kernel.hpp"

namespace sluice::net {
namespace {

namespace kernel = runtime::kernel;

bool is_ip(const Address& address) { return address.family() == AF_INET || address.family() == AF_INET6; }

in6_addr ipv6_of(const Address& address) {
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  return v6.sin6_addr;
}

// 0.0.0.0 or [::]: every address of the host.
bool is_any(const Address& address) {
  if (address.family() == AF_INET6) {
    const in6_addr v6 = ipv6_of(address);
    return IN6_IS_ADDR_UNSPECIFIED(&v6) != 0;
  }
  sockaddr_in v4{};
  std::memcpy(&v4, address.data(), sizeof v4);
  return v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

// RFC 4291 §2.5.5.2.
bool is_ipv4_mapped(const Address& address) {
  if (address.family() != AF_INET6) return false;
  const in6_addr v6 = ipv6_of(address);
  return IN6_IS_ADDR_V4MAPPED(&v6) != 0;
}

// A socket for IPv6 takes no IPv4 (IPV6_V6ONLY), so the families do not meet.
bool overlap(const Address& a, const Address& b) {
  return a.family() == b.family() && a.port() == b.port() && is_any(a) != is_any(b);
}

}  // namespace

void check_overlaps(std::span<const ListenerSettings> listeners, config::Problems& problems) {
  struct Bound {
    Address address;
    const ListenerSettings* settings;
  };
  std::vector<Bound> before;
  for (const ListenerSettings& listener : listeners) {
    const auto& [value, place] = listener.address;
    const auto address = Address::parse(value);
    if (!address || !is_ip(*address)) continue;
    if (is_ipv4_mapped(*address)) {
      problems.add(place, fmt::format("`address` must be written as the IPv4 address that it is, {}, not {}",
                                      config::in_quotes(address->to_string()), config::in_quotes(value)));
      continue;
    }
    // The same address again is told as that.
    const bool is_known =
        std::ranges::any_of(before, [&](const Bound& bound) { return bound.settings->address == listener.address; });
    if (is_known) continue;
    auto other = std::ranges::find_if(before, [&](const Bound& bound) { return overlap(bound.address, *address); });
    if (other != before.end()) {
      const auto& first = other->settings->address;
      problems.add(
          place,
          fmt::format("the listener address {} overlaps with {} at {}: one of them is every address of the host",
                      config::in_quotes(value), config::in_quotes(first.value), problems.place_text(first.place)));
    }
    before.push_back({*address, &listener});
  }
}

Result<void> check_bindable(const Address& address) {
  if (!is_ip(address)) return {};
  const int fd = kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return std::unexpected(error_from_errno(-fd));
  // Bound for a moment, and never listening.
  int result = kernel::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && address.family() == AF_INET6) result = kernel::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (result == 0) result = kernel::bind(fd, address.data(), address.size());
  kernel::close(fd);
  if (result < 0 && result != -EADDRINUSE) return std::unexpected(error_from_errno(-result));
  return {};
}

}  // namespace sluice::net
