#pragma once

#include <span>

#include "base/error.hpp"
#include "config/problems.hpp"
#include "net/address.hpp"
#include "net/listener_settings.hpp"

namespace sluice::net {

// Listeners of which one would take the other's connections: 127.0.0.1:80 beside 0.0.0.0:80. And addresses that no
// socket for IPv6 takes: ::ffff:127.0.0.1 is one for IPv4.
void check_overlaps(std::span<const ListenerSettings> listeners, config::Problems& problems);

// Whether the host has that address and this process may have that port, whoever has it now. Who listens there notices
// nothing. Errors: what bind(2) says.
[[nodiscard]] Result<void> check_bindable(const Address& address);

}  // namespace sluice::net
