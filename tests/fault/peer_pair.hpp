#pragma once

#include <doctest/doctest.h>

#include "ring_driver.hpp"
#include "world.hpp"

namespace sluice::fault {

// A connection whose near end is a descriptor, and whose far end is a peer.
struct PeerPair {
  explicit PeerPair(World& world) {
    ListeningSocket listener;
    peer = world.connect(listener.address);
    near = runtime::kernel::accept(listener.fd);
    REQUIRE(near >= 0);
  }
  PeerPair(const PeerPair&) = delete;
  PeerPair& operator=(const PeerPair&) = delete;
  ~PeerPair() { SocketPair::close(near); }

  Peer peer;
  int near = -1;
};

}  // namespace sluice::fault
