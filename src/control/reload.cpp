#include "control/reload.hpp"

#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "proxy/shard.hpp"

namespace sluice::control {
namespace {

using proxy::Configuration;

// What: what of a new configuration cannot be taken over, one line for each key.
class Reasons {
 public:
  explicit Reasons(const Configuration& next) : problems_(next.files) {}

  // section: empty for the top level. given: of the table that has the key, or had it.
  void add(const config::Given& given, std::string_view section, std::string_view key) {
    const std::string name = section.empty() ? std::string(key) : fmt::format("{}.{}", section, key);
    const config::Place place = given.has(key) || !section.empty() ? given.place_of(key) : config::Place{};
    problems_.add(place, fmt::format("`{}` has changed, and that needs a restart", name));
  }
  void add(config::Place place, std::string message) { problems_.add(place, std::move(message)); }
  [[nodiscard]] std::vector<std::string> lines() const { return problems_.lines(); }

 private:
  config::Problems problems_;
};

// Of one key of the top level; `compare` is null for what a reload takes over.
struct Row {
  std::string_view key;
  void (*compare)(const Configuration&, const Configuration&, std::string_view key, Reasons&);
};

template <auto Member>
void compare_value(const Configuration& running, const Configuration& next, std::string_view key, Reasons& reasons) {
  if (running.*Member != next.*Member) reasons.add(next.given, {}, key);
}

template <auto Member, const auto& Inner>
void compare_table(const Configuration& running, const Configuration& next, std::string_view key, Reasons& reasons) {
  for (std::string_view name : config::differing_keys(Inner, running.*Member, next.*Member)) {
    reasons.add((next.*Member).given, key, name);
  }
}

void compare_shards(const Configuration& running, const Configuration& next, std::string_view key, Reasons& reasons) {
  const auto& before = running.shard_blocks;
  const auto& after = next.shard_blocks;
  if (before.size() != after.size()) return reasons.add(next.given, {}, key);
  for (std::size_t i = 0; i < after.size(); ++i) {
    for (std::string_view name : config::differing_keys(proxy::shard_block_keys, before[i], after[i])) {
      reasons.add(after[i].given, key, name);
    }
  }
}

// Threads, rings and pools are made when a shard starts; who we are and who may find us is settled before that.
constexpr auto rows = std::to_array<Row>({
    {"include", nullptr},
    {"user", compare_value<&Configuration::user>},
    {"group", compare_value<&Configuration::group>},
    {"pid_file", compare_value<&Configuration::pid_file>},
    {"admin", compare_table<&Configuration::admin, proxy::admin_keys>},
    {"merge_slashes", nullptr},
    {"shards", compare_value<&Configuration::shards>},
    {"shard", compare_shards},
    {"listener", nullptr},
    {"upstream", nullptr},
    {"route", nullptr},
    {"log", nullptr},
    {"limits", nullptr},
    {"timeouts", nullptr},
    {"forwarding", nullptr},
    {"request_headers", nullptr},
    {"response_headers", nullptr},
    {"shard_defaults", compare_table<&Configuration::shard_defaults, proxy::shard_keys>},
});

constexpr auto changes = [] {
  std::array<KeyChange, rows.size()> list{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    list[i] = {rows[i].key, rows[i].compare == nullptr ? Change::taken : Change::needs_a_restart};
  }
  return list;
}();

}  // namespace

std::span<const KeyChange> key_changes() { return changes; }

std::vector<std::string> restart_reasons(const Configuration& running, const Configuration& next,
                                         std::size_t block_bytes) {
  Reasons reasons(next);
  for (const Row& row : rows) {
    if (row.compare != nullptr) row.compare(running, next, row.key, reasons);
  }
  if (proxy::Shard::block_bytes(next.limits) > block_bytes) {
    reasons.add(next.limits.given.place_of("head_bytes"),
                fmt::format("`limits.head_bytes` is larger than what the shards were started with, and that needs "
                            "a restart; up to {} bytes will do without one",
                            proxy::Shard::head_bytes_in(block_bytes)));
  }
  return reasons.lines();
}

UpstreamDiff diff_upstreams(std::span<const upstream::UpstreamSettings> before,
                            std::span<const upstream::UpstreamSettings> after) {
  UpstreamDiff diff;
  std::map<std::string_view, const upstream::UpstreamSettings*> by_name;
  for (const upstream::UpstreamSettings& settings : before) by_name.emplace(settings.name.value, &settings);
  for (const upstream::UpstreamSettings& settings : after) {
    auto same = by_name.find(settings.name.value);
    if (same == by_name.end()) {
      ++diff.added;
      continue;
    }
    ++(*same->second == settings ? diff.kept : diff.changed);
    by_name.erase(same);
  }
  diff.removed = by_name.size();
  return diff;
}

std::string_view to_string(Change change) noexcept {
  switch (change) {
    case Change::taken:
      return "taken";
    case Change::needs_a_restart:
      return "needs_a_restart";
  }
  return "?";
}

std::string_view to_string(ReloadResult result) noexcept {
  switch (result) {
    case ReloadResult::none:
      return "none";
    case ReloadResult::taken:
      return "taken";
    case ReloadResult::refused:
      return "refused";
  }
  return "?";
}

}  // namespace sluice::control
