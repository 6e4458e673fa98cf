#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "config/key.hpp"
#include "runtime/topology.hpp"

namespace sluice::proxy {

// How long one turn of a loop may take before the watchdog tells of it; zero: it says nothing.
struct TurnBound {
  Duration value = std::chrono::milliseconds(500);
  [[nodiscard]] bool is_off() const { return value.count() == 0; }
  friend bool operator==(const TurnBound&, const TurnBound&) = default;
};
[[nodiscard]] std::string to_string(TurnBound bound);  // "500ms" or "off"

// What one shard is given. [shard_defaults] says it for all, but for the last two.
struct ShardSettings {
  std::uint32_t ring_entries = 4096;                                  // submission queue
  config::Placed<std::optional<std::uint32_t>> completion_entries{};  // completion queue; none: by ring_entries
  Duration batch_wait{0};
  std::uint32_t receive_buffers = 1024;      // in the provided-buffer ring
  std::uint64_t receive_buffer = 16 * 1024;  // bytes of each
  std::uint32_t message_buffers = 4096;      // heads and small bodies on their way
  std::uint64_t splice_threshold = 64 * 1024;
  std::uint32_t pipes = 32;
  std::uint64_t pipe_size = 1024 * 1024;
  TurnBound watchdog{};
  std::optional<int> cpu{};                        // to be pinned to; none: not pinned
  std::optional<std::uint32_t> max_connections{};  // from clients; none: limits.max_connections
  config::Given given{};

  // The kernel's bound on completion queues.
  static constexpr std::uint32_t completion_entries_max = 65'536;
  [[nodiscard]] std::uint32_t completions() const {
    return completion_entries.value.value_or(std::min(ring_entries * 8, completion_entries_max));
  }
  friend bool operator==(const ShardSettings&, const ShardSettings&) = default;
};

// One [[shard]]: what it leaves out comes from [shard_defaults].
struct ShardBlock {
  config::Given given{};
  config::Placed<std::optional<std::uint32_t>> cpu;
  std::optional<std::uint32_t> max_connections;
  std::optional<std::uint32_t> ring_entries;
  config::Placed<std::optional<std::uint32_t>> completion_entries;
  std::optional<Duration> batch_wait;
  std::optional<std::uint32_t> receive_buffers;
  std::optional<std::uint64_t> receive_buffer;
  std::optional<std::uint32_t> message_buffers;
  std::optional<std::uint64_t> splice_threshold;
  std::optional<std::uint32_t> pipes;
  std::optional<std::uint64_t> pipe_size;
  std::optional<TurnBound> watchdog;

  [[nodiscard]] ShardSettings over(const ShardSettings& defaults) const;
  // The same with everything that the defaults say in the place of what was left out.
  [[nodiscard]] ShardBlock effective(const ShardSettings& defaults) const;
  // Whether it says the same, wherever it stands.
  friend bool operator==(const ShardBlock& a, const ShardBlock& b) {
    auto told = [](const ShardBlock& block) {
      return std::tie(block.cpu.value, block.max_connections, block.ring_entries, block.completion_entries.value,
                      block.batch_wait, block.receive_buffers, block.receive_buffer, block.message_buffers,
                      block.splice_threshold, block.pipes, block.pipe_size, block.watchdog);
    };
    return told(a) == told(b);
  }
};

extern const config::Keys<ShardSettings> shard_keys;     // of [shard_defaults]
extern const config::Keys<ShardBlock> shard_block_keys;  // of [[shard]]

// What cannot be said of one key alone. has_count: whether the file has `shards`.
void check_shards(bool has_count, const ShardSettings& defaults, std::span<const ShardBlock> blocks,
                  std::span<const int> usable_cpus, config::Problems& problems);

// Every shard there is: the blocks; else `count`, or one for each CPU that `host` allows, all alike. A shard is pinned
// to the CPU that its block names. Without blocks they are pinned where each usable CPU has exactly one; with fewer or
// more of them the scheduler places them better.
[[nodiscard]] std::vector<ShardSettings> resolve_shards(std::optional<std::uint32_t> count,
                                                        const ShardSettings& defaults,
                                                        std::span<const ShardBlock> blocks,
                                                        const runtime::CpuFacts& host);

}  // namespace sluice::proxy
