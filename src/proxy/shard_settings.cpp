#include "proxy/shard_settings.hpp"

#include <array>
#include <map>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;

struct TurnBoundText {
  static constexpr std::string_view type = "duration or \"off\"";

  static config::Parsed<TurnBound> parse(std::string_view text) {
    constexpr Duration least = std::chrono::milliseconds(10);
    constexpr Duration most = std::chrono::hours(1);
    if (text == "off") return TurnBound{Duration(0)};
    const auto value = config::parse_duration(text);
    if (value && *value >= least && *value <= most) return TurnBound{*value};
    return std::unexpected(
        fmt::format("must be a duration from 10ms to 1h, or \"off\", not {}", config::in_quotes(text)));
  }
};

// The keys that [shard_defaults] and [[shard]] have in common. S: what they are read into.
template <class S>
constexpr auto common_keys() {
  return std::to_array<config::Key<S>>({
      config::integer<&S::ring_entries>("ring_entries", config::Range(64, 32'768).powers_of_two(),
                                        "Size of the io_uring's submission queue."),
      config::integer<&S::completion_entries>(
          "completion_entries", config::Range(128, std::int64_t{ShardSettings::completion_entries_max}).powers_of_two(),
          "Size of its completion queue, at least `ring_entries`.")
          .otherwise("eight times `ring_entries`, at most 65536"),
      config::duration<&S::batch_wait>(
          "batch_wait", {Duration(0), std::chrono::milliseconds(10)},
          "How long a wait for events goes on after the first, so that one turn serves more of them. It saves CPU "
          "time at high load and costs latency at low; Linux 6.12 or newer."),
      config::integer<&S::receive_buffers>("receive_buffers", config::Range(16, 32'768).powers_of_two(),
                                           "Buffers that the shard's connections share for what arrives."),
      config::size<&S::receive_buffer>("receive_buffer", {4 * kib, 1 * mib}, "Size of one of them."),
      config::integer<&S::message_buffers>("message_buffers", {64, 1'000'000},
                                           "Buffers of `limits.head_bytes` and 4 KiB for heads that arrive in parts, "
                                           "and as many for heads and small bodies that go out; past them: 503. They "
                                           "cost memory when first used."),
      config::size<&S::splice_threshold>(
          "splice_threshold", {0, 1024 * mib},
          "Bodies of at least this size are spliced, smaller ones copied; with `0` all are."),
      config::integer<&S::pipes>("pipes", {0, 4096},
                                 "Pipes for splicing; when all are in use, and with `0`, bodies are copied."),
      config::size<&S::pipe_size>("pipe_size", config::Range(4 * kib, 64 * mib).powers_of_two(),
                                  "Size of one pipe; the kernel may give an unprivileged user less."),
      config::string<&S::watchdog, TurnBoundText>(
          "watchdog",
          "A turn of the shard's loop that takes longer is told on standard error, with what it was doing."),
  });
}

constexpr auto default_keys = common_keys<ShardSettings>();

constexpr auto own_keys = std::to_array<config::Key<ShardBlock>>({
    config::integer<&ShardBlock::cpu>("cpu", {0, 65'535},
                                      "The CPU that the shard runs on and no other; no two shards share one.")
        .otherwise("any usable CPU"),
    config::integer<&ShardBlock::max_connections>(
        "max_connections", {1, 10'000'000},
        "Connections from clients to this shard; past it new ones are closed at once, and counted.")
        .otherwise("`limits.max_connections`"),
});

// A block's own keys, and then the common ones with the word that they come from further out.
constexpr auto block_keys = [] {
  constexpr auto common = common_keys<ShardBlock>();
  std::array<config::Key<ShardBlock>, own_keys.size() + common.size()> keys{};
  std::ranges::copy(own_keys, keys.begin());
  std::ranges::transform(common, keys.begin() + own_keys.size(),
                         [](const config::Key<ShardBlock>& key) { return key.otherwise("from `[shard_defaults]`"); });
  return keys;
}();

bool has_sound_rings(const config::Given& given) { return given.are_sound("ring_entries", "completion_entries"); }

void check_completions(const ShardSettings& shard, config::Place place, config::Problems& problems) {
  if (shard.completions() >= shard.ring_entries) return;
  problems.add(place, fmt::format("`completion_entries` must be at least `ring_entries`, which is {}, not {}",
                                  shard.ring_entries, shard.completions()));
}

}  // namespace

constinit const config::Keys<ShardSettings> shard_keys = default_keys;
constinit const config::Keys<ShardBlock> shard_block_keys = block_keys;

std::string to_string(TurnBound bound) { return bound.is_off() ? "off" : config::duration_text(bound.value); }

ShardSettings ShardBlock::over(const ShardSettings& defaults) const {
  ShardSettings shard = defaults;
  auto take = [](auto& target, const auto& own) {
    if (own) target = *own;
  };
  take(shard.ring_entries, ring_entries);
  if (completion_entries.value) shard.completion_entries = completion_entries;
  take(shard.batch_wait, batch_wait);
  take(shard.receive_buffers, receive_buffers);
  take(shard.receive_buffer, receive_buffer);
  take(shard.message_buffers, message_buffers);
  take(shard.splice_threshold, splice_threshold);
  take(shard.pipes, pipes);
  take(shard.pipe_size, pipe_size);
  take(shard.watchdog, watchdog);
  if (cpu.value) shard.cpu = static_cast<int>(*cpu.value);
  shard.max_connections = max_connections;
  return shard;
}

ShardBlock ShardBlock::effective(const ShardSettings& defaults) const {
  const ShardSettings shard = over(defaults);
  ShardBlock block = *this;
  block.ring_entries = shard.ring_entries;
  block.completion_entries.value = shard.completions();
  block.batch_wait = shard.batch_wait;
  block.receive_buffers = shard.receive_buffers;
  block.receive_buffer = shard.receive_buffer;
  block.message_buffers = shard.message_buffers;
  block.splice_threshold = shard.splice_threshold;
  block.pipes = shard.pipes;
  block.pipe_size = shard.pipe_size;
  block.watchdog = shard.watchdog;
  block.given.inherit(defaults.given);
  return block;
}

void check_shards(bool has_count, const ShardSettings& defaults, std::span<const ShardBlock> blocks,
                  std::span<const int> usable_cpus, config::Problems& problems) {
  const bool are_defaults_sound = has_sound_rings(defaults.given);
  if (are_defaults_sound) check_completions(defaults, defaults.completion_entries.place, problems);
  if (has_count && !blocks.empty()) {
    problems.add(blocks.front().given.place(),
                 "the file has `shards` as well as [[shard]]: one of them says how many there are");
  }
  std::map<std::uint32_t, config::Place> seen;
  for (const ShardBlock& block : blocks) {
    const bool is_own = block.ring_entries || block.completion_entries.value;
    const bool needs_defaults = !block.ring_entries || !block.completion_entries.value;
    if (is_own && (are_defaults_sound || !needs_defaults) && has_sound_rings(block.given)) {
      const bool has_place = block.completion_entries.value.has_value();
      check_completions(block.over(defaults), has_place ? block.completion_entries.place : block.given.place(),
                        problems);
    }
    if (!block.cpu.value) continue;
    const std::uint32_t cpu = *block.cpu.value;
    auto [first, is_new] = seen.try_emplace(cpu, block.cpu.place);
    if (!is_new) {
      problems.add(block.cpu.place,
                   fmt::format("duplicate `cpu` {}: it stands at {} already", cpu, problems.place_text(first->second)));
    } else if (std::ranges::find(usable_cpus, static_cast<int>(cpu)) == usable_cpus.end()) {
      problems.add(block.cpu.place, fmt::format("`cpu` must be one that this process may use, {}, not {}",
                                                runtime::cpu_list(usable_cpus), cpu));
    }
  }
}

std::vector<ShardSettings> resolve_shards(std::optional<std::uint32_t> count, const ShardSettings& defaults,
                                          std::span<const ShardBlock> blocks, const runtime::CpuFacts& host) {
  std::vector<ShardSettings> shards;
  for (const ShardBlock& block : blocks) shards.push_back(block.over(defaults));
  if (!blocks.empty()) return shards;
  shards.assign(count.value_or(host.standard_shards()), defaults);
  if (shards.size() != host.usable.size()) return shards;
  for (std::size_t i = 0; i < shards.size(); ++i) shards[i].cpu = host.usable[i];
  return shards;
}

}  // namespace sluice::proxy
