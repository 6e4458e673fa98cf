#pragma once

#include <optional>

#include "memory/pooled.hpp"
#include "net/address.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

class Relay;

// What: what few client connections have; the others do without the memory.
// Shard: one. Lifetime: from when it is first needed, as its Downstream.
struct Particulars : memory::Pooled {
  std::optional<net::Address> destination;   // as a PROXY header says it
  upstream::OwnConnections own_connections;  // to endpoints
  const Relay* relay = nullptr;              // of a TCP listener's
};

}  // namespace sluice::proxy
