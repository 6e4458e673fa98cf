#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/scalar.hpp"
#include "net/address.hpp"

namespace sluice::net {

// Setting of listeners and upstreams: how TCP paces what we send (tcp(7), TCP_CONGESTION).
// "auto": what the host is set to, but on loopback nothing that arms a timer for each packet, such as BBR: there is no
// queue to be spared there, and the timers cost more than the transfer (docs/decisions/0005).
// "system": what the host is set to. Else a name that the kernel knows: "cubic".
struct CongestionControl {
  static constexpr std::string_view type = "\"auto\", \"system\" or a name that the kernel knows";
  static config::Parsed<std::string> parse(std::string_view text);

  static constexpr std::string_view automatic = "auto";
  static constexpr std::string_view system = "system";
};

// Applies `setting` to a socket that is neither listening nor connected yet; sockets accepted from it inherit that.
// address: where it will be bound or connected to.
// Errors: of a name alone: the kernel does not have it, or does not allow it to us
// (net.ipv4.tcp_allowed_congestion_control).
[[nodiscard]] Result<void> set_congestion_control(int fd, std::string_view setting, const Address& address);

// What the kernel calls the congestion control that `setting` comes to for sockets at `address`. Opens a socket and
// closes it again. Errors: as set_congestion_control(), and what socket(2) says.
[[nodiscard]] Result<std::string> effective_congestion_control(std::string_view setting, const Address& address);

}  // namespace sluice::net
