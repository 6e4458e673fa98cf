#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace sluice::proxy {

class Shard;

// What: a copy of a text, cut where there is no room.
template <std::size_t bytes_max>
class ShortText {
 public:
  void assign(std::string_view text) {
    size_ = text.size() < bytes_max ? text.size() : bytes_max;
    std::memcpy(bytes_.data(), text.data(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, bytes_max> bytes_{};
};

// One client connection at one moment.
struct ConnectionRow {
  std::uint64_t id = 0;  // unique on its shard
  const char* phase = "";
  Duration age{0};
  Duration exchange_age{-1};  // negative: no exchange is going on, and what follows is not there
  bool is_uploading = false;
  std::uint64_t requests = 0;
  std::uint64_t bytes_sent = 0;      // to the client, on this connection
  std::uint64_t request_bytes = 0;   // of the exchange's request body, so far
  std::uint64_t response_bytes = 0;  // of its response, so far
  ShortText<64> client;
  ShortText<64> listener;
  ShortText<128> request_id;
  ShortText<256> route;
  ShortText<64> upstream;
  ShortText<128> endpoint;
};

// Exchanges of a shard that use one configuration.
struct HeldSnapshot {
  std::uint64_t generation = 0;
  std::size_t leases = 0;
};

// One kind of things that a shard keeps to use them again, at one moment.
struct PoolUse {
  std::size_t in_use = 0;
  std::size_t made = 0;   // and kept, whether in use or not
  std::size_t max = 0;    // it never makes more
  std::size_t bytes = 0;  // of memory, in those that were made
};

// What a shard's memory is for.
struct MemoryUse {
  PoolUse receive_buffers;
  PoolUse head_buffers;  // heads that arrive in parts
  PoolUse send_buffers;
  PoolUse pipes;                       // theirs is the kernel's memory
  std::size_t frames_in_use = 0;       // of coroutines, and other small objects
  std::size_t frame_bytes = 0;         // for them, whether in use or not
  std::uint64_t heap_allocations = 0;  // of the shard's thread, so far
};

// What: what one shard tells about itself when it is asked: its oldest connections, the snapshots that it holds, and
//       what it needs memory for.
// Shard: made by the control thread, filled once by the shard, then the control thread's again.
// Lifetime: until is_answered(), however long that takes: a shard that is stuck answers late.
// Invariants: the shard writes nothing behind answered_.
class Census {
 public:
  // rows_max: connections to show, at most. event: an eventfd that is signalled with the answer.
  Census(std::size_t rows_max, int event) : rows_(rows_max), event_(event) {}

  // On the shard's thread. Takes time in proportion to the rows that it fills.
  void fill(Shard& shard);
  [[nodiscard]] bool is_answered() const { return answered_.load(std::memory_order_acquire); }

  // Valid once answered.
  [[nodiscard]] std::span<const ConnectionRow> rows() const { return std::span(rows_).first(count_); }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  [[nodiscard]] std::span<const HeldSnapshot> held() const { return std::span(held_).first(held_count_); }
  [[nodiscard]] std::size_t snapshots() const { return snapshots_; }
  [[nodiscard]] const MemoryUse& memory() const { return memory_; }

 private:
  std::vector<ConnectionRow> rows_;
  std::size_t count_ = 0;
  std::size_t connections_ = 0;
  std::array<HeldSnapshot, 64> held_;
  std::size_t held_count_ = 0;
  std::size_t snapshots_ = 0;
  MemoryUse memory_;
  int event_;
  std::atomic<bool> answered_{false};
};

}  // namespace sluice::proxy
