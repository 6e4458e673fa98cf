#pragma once

#include <cstdint>
#include <string>

#include "config/key.hpp"
#include "metrics/slot.hpp"
#include "net/congestion_control.hpp"

namespace sluice::net {

// One [[listener]].
struct ListenerSettings {
  config::Placed<std::string> name;
  config::Placed<std::string> address;  // "ip:port", canonical
  config::Placed<std::string> congestion_control{std::string(CongestionControl::automatic), {}};
  std::uint32_t backlog = 4096;  // connections that the kernel holds until they are accepted, for each shard
  metrics::Slot slot;            // where it counts; the control thread gives it out

  friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

extern const config::Keys<ListenerSettings> listener_keys;

}  // namespace sluice::net
