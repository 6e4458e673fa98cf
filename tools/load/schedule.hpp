#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace sluice::load {

// What: when each request of a thread ought to start, in the open loop. All of it is fixed beforehand: `rate` starts a
//       second, dealt out to all connections in turn, so that each connection has its own regular starts. A late answer
//       moves none of them.
// Shard: a value; every thread has the one for its share of the connections.
// Invariants: due() never falls; all threads together start exactly `rate` requests in each second.
class Schedule {
 public:
  // rate: starts a second of all threads. connections: of all threads; connection i belongs to thread i % threads.
  Schedule(std::uint64_t rate, std::uint64_t connections, std::uint64_t thread, std::uint64_t threads)
      : rate_(rate),
        connections_(connections),
        thread_(thread),
        threads_(threads),
        own_(own_connections(connections, thread, threads)) {}

  // How many of the connections are a thread's.
  [[nodiscard]] static std::uint64_t own_connections(std::uint64_t connections, std::uint64_t thread,
                                                     std::uint64_t threads) {
    return connections / threads + (thread < connections % threads ? 1 : 0);
  }

  // Which of the thread's connections starts number `start` belongs to, and the how manieth it is there.
  [[nodiscard]] std::uint64_t connection_of(std::uint64_t start) const { return start % own_; }
  // How long after the beginning the thread's start number `start` is due.
  [[nodiscard]] Duration due(std::uint64_t start) const { return due(start % own_, start / own_); }
  // As due(), of a connection's start number `turn`.
  [[nodiscard]] Duration due(std::uint64_t connection, std::uint64_t turn) const {
    const std::uint64_t number = thread_ + connection * threads_ + turn * connections_;  // among all starts
    constexpr std::uint64_t second = 1'000'000'000;
    return Duration(static_cast<std::int64_t>(number / rate_ * second + number % rate_ * second / rate_));
  }

 private:
  std::uint64_t rate_;
  std::uint64_t connections_;
  std::uint64_t thread_;
  std::uint64_t threads_;
  std::uint64_t own_;
};

}  // namespace sluice::load
