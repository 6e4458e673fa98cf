#include "control/reload.hpp"

#include <array>
#include <map>

#include <fmt/format.h>

#include "proxy/shard.hpp"

namespace sluice::control {
namespace {

using proxy::Configuration;

// `has_changed` is null for what a reload takes over.
struct Row {
  std::string_view key;
  bool (*has_changed)(const Configuration&, const Configuration&);
};

template <auto Member>
bool differs(const Configuration& running, const Configuration& next) {
  return running.*Member != next.*Member;
}

// Threads, rings and pools are made when a shard starts; who we are and who may find us is settled before that.
constexpr auto rows = std::to_array<Row>({
    {"include", nullptr},
    {"user", differs<&Configuration::user>},
    {"group", differs<&Configuration::group>},
    {"pid_file", differs<&Configuration::pid_file>},
    {"admin", differs<&Configuration::admin>},
    {"merge_slashes", nullptr},
    {"shards", differs<&Configuration::shards>},
    {"shard", differs<&Configuration::shard_blocks>},
    {"listener", nullptr},
    {"upstream", nullptr},
    {"route", nullptr},
    {"log", nullptr},
    {"limits", nullptr},
    {"timeouts", nullptr},
    {"forwarding", nullptr},
    {"request_headers", nullptr},
    {"response_headers", nullptr},
    {"shard_defaults", differs<&Configuration::shard_defaults>},
});

constexpr auto changes = [] {
  std::array<KeyChange, rows.size()> list{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    list[i] = {rows[i].key, rows[i].has_changed == nullptr ? Change::taken : Change::needs_a_restart};
  }
  return list;
}();

}  // namespace

std::span<const KeyChange> key_changes() { return changes; }

std::vector<std::string> restart_reasons(const Configuration& running, const Configuration& next,
                                         std::size_t block_bytes) {
  std::vector<std::string> reasons;
  for (const Row& row : rows) {
    if (row.has_changed == nullptr || !row.has_changed(running, next)) continue;
    reasons.push_back(fmt::format("`{}` has changed, and that needs a restart", row.key));
  }
  if (proxy::Shard::block_bytes(next.limits) > block_bytes) {
    reasons.push_back(fmt::format(
        "`limits.head_bytes` is larger than what the shards were started with, and that needs a restart; up "
        "to {} bytes will do without one",
        proxy::Shard::head_bytes_in(block_bytes)));
  }
  return reasons;
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
