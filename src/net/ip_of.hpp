#pragma once

#include <optional>

#include "base/ip.hpp"
#include "net/address.hpp"

namespace sluice::net {

// The IP address of a socket address, without its port. Nothing for a unix socket, and for no address at all.
[[nodiscard]] std::optional<IpAddress> ip_of(const Address& address);

}  // namespace sluice::net
