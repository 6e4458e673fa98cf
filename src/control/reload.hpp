#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/configuration.hpp"

namespace sluice::control {

// What becomes of a key at the top level of the file when it changes and the file is read again.
enum class Change : std::uint8_t {
  taken,            // holds from then on
  needs_a_restart,  // the new file is refused as a whole
};
[[nodiscard]] std::string_view to_string(Change change) noexcept;

// Every key of the top level. Nothing is ignored: a test holds this list against the keys.
struct KeyChange {
  std::string_view key;
  Change change;
};
[[nodiscard]] std::span<const KeyChange> key_changes();

// Why `next` cannot take the place of `running` without a restart: a line for each key with its place in `next`, in
// the order of the files; empty where it can.
// block_bytes: what the shards' blocks were made for.
[[nodiscard]] std::vector<std::string> restart_reasons(const proxy::Configuration& running,
                                                       const proxy::Configuration& next, std::size_t block_bytes);

// How many upstreams come, go, go on with other settings, and stay as they are.
struct UpstreamDiff {
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t changed = 0;
  std::size_t kept = 0;
};
[[nodiscard]] UpstreamDiff diff_upstreams(std::span<const upstream::UpstreamSettings> before,
                                          std::span<const upstream::UpstreamSettings> after);

// How the last attempt to read the file again came out.
enum class ReloadResult : std::uint8_t {
  none,     // there was none
  taken,    // the shards go by the new one
  refused,  // nothing has changed
};
[[nodiscard]] std::string_view to_string(ReloadResult result) noexcept;

// What: what is running, and how it came to that.
struct ReloadStatus {
  std::uint64_t generation = 0;    // 1: what the process started with
  std::int64_t since_unix_ms = 0;  // when that generation was published
  std::uint64_t taken = 0;         // reloads that were
  std::uint64_t refused = 0;       // reloads that were not
  ReloadResult last = ReloadResult::none;
  std::int64_t last_unix_ms = 0;
  std::vector<std::string> last_words;  // what was said about it
  bool is_under_way = false;            // some shard has not taken the newest generation over yet
  std::size_t snapshots_alive = 0;      // the newest one among them
};

}  // namespace sluice::control
