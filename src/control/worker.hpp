#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "proxy/counters.hpp"
#include "proxy/shard.hpp"
#include "proxy/shard_change.hpp"

namespace sluice::control {

enum class Phase : std::uint8_t { starting, serving, failed, finished };

// What: one shard's thread, and what the control thread knows of it.
// Shard: the control thread; the shard's thread writes what it says until `phase` tells that it is valid.
struct Worker {
  unsigned index = 0;
  proxy::ShardSettings settings;
  std::vector<proxy::ListenerSocket> sockets;  // from the start; the shard's once it serves
  proxy::LogTarget log;
  proxy::ShardCounters counters;
  std::atomic<Phase> phase{Phase::starting};
  Error error;                                 // valid when failed
  proxy::Shard* shard = nullptr;               // valid from serving until the server lets the threads end
  std::unique_ptr<proxy::ShardChange> change;  // of the reload that is under way
  bool has_broken_off = false;                 // valid when finished, as are the following
  std::uint64_t heap_allocations = 0;
  std::uint64_t turns = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t buffer_shortages = 0;
  std::uint64_t pipe_shortages = 0;
  std::uint64_t submission_shortages = 0;
  std::thread thread;
};

}  // namespace sluice::control
