#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "http/head.hpp"
#include "memory/block_pool.hpp"
#include "net/listener.hpp"
#include "pattern.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop.hpp"
#include "runtime/task.hpp"

namespace sluice::origin {

// What: a number that one shard raises and any thread reads.
class Counter {
 public:
  void add() { value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) Counters {
  Counter accepted;
  Counter closed;
  Counter refused;  // connections beyond connections_max
  Counter requests;
  Counter abandoned;  // exchanges whose client went away, or stalled, before the end of its response
};

// A listening socket of one shard, and the name that it has in responses.
struct ListeningSocket {
  int fd = -1;
  std::string address;
};

class Shard;

// What: one listening address on one shard.
// Shard: one. Lifetime: outlives its connections.
class Site final : public net::Listener::Acceptor {
 public:
  Site(Shard& shard, const ListeningSocket& socket);

  [[nodiscard]] Shard& shard() const { return shard_; }
  // Server, X-Origin and Date, written once a second.
  [[nodiscard]] std::string_view fields();
  void start() { listener_.start(); }
  [[nodiscard]] runtime::Task<void> close() { return listener_.close(); }

 private:
  void on_connection(int fd) override;

  Shard& shard_;
  net::Listener listener_;
  std::string fields_;
  std::size_t date_at_ = 0;
  Instant stale_at_;
};

// What: one thread of the origin: a loop, its listeners and everything that its connections share.
// Shard: made and joined by the main thread; everything that is not said to be for another thread belongs to its own.
// Lifetime: start(), stop(), join() in this order, or none of them.
class Shard {
 public:
  // cpu: to pin the thread to; negative for none. all: the counters of every shard; index: which are this one's.
  Shard(std::size_t index, int cpu, std::vector<ListeningSocket> sockets, const Pattern& pattern,
        std::span<Counters> all);

  // Main thread. What went wrong, or nothing once it accepts connections.
  [[nodiscard]] std::optional<std::string> start();
  void stop();
  void join() { thread_.join(); }

  [[nodiscard]] runtime::Loop& loop() { return *loop_; }
  [[nodiscard]] runtime::BufferRing& buffers() { return *buffers_; }
  [[nodiscard]] memory::BlockPool& bulk_blocks() { return bulk_blocks_; }
  [[nodiscard]] memory::BlockPool& scratch_blocks() { return scratch_blocks_; }
  [[nodiscard]] const Pattern& pattern() const { return pattern_; }
  [[nodiscard]] ChecksumCache& checksums() { return checksums_; }
  [[nodiscard]] bool is_stopping() const { return stopping_; }
  [[nodiscard]] Counters& counters() { return all_[index_]; }
  [[nodiscard]] std::span<const Counters> all_counters() const { return all_; }
  // Where a head is parsed; it is read before anything is awaited, so that one does for all connections.
  [[nodiscard]] http::RequestHead& head() { return head_; }

 private:
  void run(std::promise<std::optional<std::string>>& started);
  [[nodiscard]] std::optional<std::string> open();
  static void on_stop(runtime::Loop& loop, std::uintptr_t shard, std::uintptr_t unused);
  static runtime::Task<void> close_sites(Shard& shard);

  std::size_t index_;
  int cpu_;
  std::vector<ListeningSocket> sockets_;
  const Pattern& pattern_;
  std::span<Counters> all_;
  ChecksumCache checksums_;
  http::RequestHead head_;
  memory::BlockPool bulk_blocks_;
  memory::BlockPool scratch_blocks_;
  std::unique_ptr<runtime::Loop> loop_;           // from start() to the end of run()
  std::unique_ptr<runtime::BufferRing> buffers_;  // as loop_
  std::vector<std::unique_ptr<Site>> sites_;      // as loop_
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::origin
