#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "metrics/slot.hpp"
#include "proxy/listener_terms.hpp"
#include "proxy/log_ring.hpp"
#include "proxy/log_writer.hpp"

namespace sluice::proxy {

// A listening socket of one shard, opened by the control thread. id: the same for all shards and through all reloads.
struct ListenerSocket {
  std::uint32_t id = 0;
  std::string name;
  int fd = -1;
  metrics::Slot slot;  // where it counts
  ListenerTerms terms{};
};

// What a reload says of a listener that stays.
struct ListenerUpdate {
  std::uint32_t id = 0;
  std::string name;
  metrics::Slot slot;
  int backlog = 0;
  std::string congestion_control;  // what the kernel calls it; empty: as it is
  ListenerTerms terms{};           // of the connections that are accepted from now on
};

// Where a shard's log lines go. Both null: nowhere.
struct LogTarget {
  LogWriter* writer = nullptr;
  LogRing* ring = nullptr;
};

// What: what a reload brings one shard besides the snapshot.
// Shard: filled by the control thread; the shard's from the post until is_done; then the control thread's again.
struct ShardChange {
  std::vector<ListenerSocket> added;
  std::vector<ListenerUpdate> updated;
  std::vector<std::uint32_t> removed;  // ids
  LogTarget log;
  // Called on the shard when the snapshot is in use, what was removed accepts no more and its socket is closed, and
  // nothing is logged to where it went before.
  std::function<void()> on_done;
  std::atomic<bool> is_done{false};
};

}  // namespace sluice::proxy
