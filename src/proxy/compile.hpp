#pragma once

#include <cstdint>
#include <memory>

#include "proxy/configuration.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

// What the configuration leaves to the host.
struct HostValues {
  unsigned shards = 1;
  std::uint32_t max_connections = 0;  // clients for each shard where the configuration does not say
};

// What the shards are to go by from now on. previous: what it takes over unchanged parts from, or null.
[[nodiscard]] std::unique_ptr<Snapshot> compile(const Configuration& configuration, const HostValues& host,
                                                const Snapshot* previous = nullptr);

}  // namespace sluice::proxy
