#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "net/listener_settings.hpp"
#include "proxy/admin_settings.hpp"
#include "proxy/forwarding_settings.hpp"
#include "proxy/settings.hpp"
#include "proxy/shard_settings.hpp"
#include "route/header_settings.hpp"
#include "route/settings.hpp"
#include "route/table.hpp"
#include "upstream/settings.hpp"

namespace sluice::proxy {

// What: the whole file as plain values, checked: what stands here can be built.
struct Configuration {
  std::vector<config::Placed<std::string>> include;  // empty: what they mean was joined in
  config::Placed<std::string> user;                  // what the process becomes; empty: it stays who it is
  config::Placed<std::string> group;                 // empty: the user's own
  config::Placed<std::string> pid_file;              // empty: none
  std::optional<std::uint32_t> shards;               // none, and no blocks either: as the host allows
  std::vector<ShardBlock> shard_blocks;
  std::vector<net::ListenerSettings> listeners;
  std::vector<upstream::UpstreamSettings> upstreams;
  std::vector<route::RouteSettings> routes;
  LogSettings log;
  AdminSettings admin;
  LimitSettings limits;
  TimeoutSettings timeouts;
  ForwardingSettings forwarding;
  route::HeaderEditSettings request_headers;
  route::HeaderEditSettings response_headers;
  ShardSettings shard_defaults;
  bool merge_slashes = true;  // in paths, before they are matched and forwarded

  config::Given given{};
  std::vector<std::string> files;  // that it was read from, in the order of Place::file; not a key

  [[nodiscard]] std::string place_text(config::Place place) const { return config::place_text(files, place); }
  // The same with what holds in the place of what was left out, as far as the file alone decides.
  [[nodiscard]] Configuration effective() const;
  // Every shard there is, with all that holds for it.
  [[nodiscard]] std::vector<ShardSettings> resolved_shards(const runtime::CpuFacts& host) const {
    return resolve_shards(shards, shard_defaults, shard_blocks, host);
  }
  // Header edits of a route, or of what has none (null).
  [[nodiscard]] http::FieldEdits edits(route::Direction direction, const route::RouteSettings* route) const;
  // The routes with their upstreams (as indices of `upstreams`) and timeouts resolved. shard_count: how many will
  // match.
  [[nodiscard]] route::Table route_table(unsigned shard_count) const;
};

// Top-level keys, and through them all others.
extern const config::Keys<Configuration> configuration_keys;

// Every line is "file:line:column: message".
using ConfigurationErrors = std::vector<std::string>;

// Reads and checks a file. Blocks; for the control thread and for -t.
[[nodiscard]] std::expected<Configuration, ConfigurationErrors> load_configuration(const std::string& path);
// Only the `pid_file` of a file, which need not be good otherwise; empty: it has none.
[[nodiscard]] std::expected<std::string, ConfigurationErrors> load_pid_file(const std::string& path);
// The same as load_configuration for a text, of which no further file is read; file: the name that messages give it.
[[nodiscard]] std::expected<Configuration, ConfigurationErrors> parse_configuration(std::string file,
                                                                                    std::string_view text);

// A file that gives the same configuration: every key that was given or has a value by default, and in comments what
// holds in the place of the others. effective: configuration.effective(), or more than that.
[[nodiscard]] std::string dump_configuration(const Configuration& configuration, const Configuration& effective);

}  // namespace sluice::proxy
