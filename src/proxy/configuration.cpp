#include "proxy/configuration.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "config/document.hpp"
#include "config/files.hpp"
#include "net/address_check.hpp"

namespace sluice::proxy {
namespace {

constexpr auto keys = std::to_array<config::Key<Configuration>>({
    config::strings<&Configuration::include, config::Text>(
        config::include_key, config::include_patterns,
        "Further files, joined into this one: patterns with `*`, `?` and `[a-z]`, from the folder of this file."),
    config::string<&Configuration::user, config::Text>(
        "user", "Whom Sluice becomes when root starts it, before it opens anything but the pid file.")
        .otherwise("whoever starts it"),
    config::string<&Configuration::group, config::Text>("group", "The group that goes with `user`.")
        .otherwise("the user's own"),
    config::string<&Configuration::pid_file, config::Text>(
        "pid_file", "File with the number of the process, for `-s`; a relative path starts at the working directory.")
        .otherwise("none"),
    config::integer<&Configuration::shards>("shards", {1, 1024},
                                            "Threads that serve, each with its own ring and sockets.")
        .otherwise("as many as `[[shard]]`, or as the host allows"),
    config::tables<&Configuration::shard_blocks, shard_block_keys>("shard", {1, 1024},
                                                                   "The threads one by one, in place of `shards`."),
    config::boolean<&Configuration::merge_slashes>(
        "merge_slashes", "Whether several `/` in a row in a path are one, before it is matched and forwarded."),
    config::tables<&Configuration::listeners, net::listener_keys>("listener", {1, 256}, "Where clients connect.")
        .required(),
    config::named_tables<&Configuration::upstreams, upstream::upstream_keys>("upstream",
                                                                             "Servers that do the same work."),
    config::tables<&Configuration::routes, route::route_keys>("route", {1, 100'000},
                                                              "Which requests go to which upstream.")
        .otherwise("required where a listener speaks HTTP"),
    config::table<&Configuration::log, log_keys>("log", "The access log. Errors go to standard error."),
    config::table<&Configuration::admin, admin_keys>("admin", "Where the operator looks in."),
    config::table<&Configuration::limits, limit_keys>("limits", "Bounds on what a peer may send or hold."),
    config::table<&Configuration::timeouts, timeout_keys>("timeouts",
                                                          "Bounds on every wait; there are no endless ones."),
    config::table<&Configuration::forwarding, forwarding_keys>(
        "forwarding", "What is believed of a client, and what upstreams are told of it."),
    config::table<&Configuration::request_headers, route::header_edit_keys>(
        "request_headers", "Changes to the header of every request that is forwarded."),
    config::table<&Configuration::response_headers, route::header_edit_keys>(
        "response_headers", "Changes to the header of every response."),
    config::table<&Configuration::shard_defaults, shard_keys>("shard_defaults",
                                                              "What each shard is given to work with."),
});

// Complains of every value that stood before. `value` gives the Placed string of an item.
template <class Item, class Value>
void check_unique(const std::vector<Item>& items, Value value, std::string_view what, config::Problems& problems) {
  std::map<std::string_view, config::Place> seen;
  for (const Item& item : items) {
    const config::Placed<std::string>& placed = std::invoke(value, item);
    // Missing or wrong: told already.
    if (placed.value.empty()) continue;
    auto [first, is_new] = seen.try_emplace(placed.value, placed.place);
    if (is_new) continue;
    problems.add(placed.place, fmt::format("duplicate {} {}: it stands at {} already", what,
                                           config::in_quotes(placed.value), problems.place_text(first->second)));
  }
}

std::map<std::string_view, std::uint32_t> upstream_indices(const Configuration& configuration) {
  std::map<std::string_view, std::uint32_t> indices;
  for (const auto& upstream : configuration.upstreams) {
    indices.emplace(upstream.name.value, static_cast<std::uint32_t>(indices.size()));
  }
  return indices;
}

void check_references(const Configuration& configuration, config::Problems& problems) {
  // Another one may be in what could not be read.
  if (!configuration.given.is_sound("upstream") || configuration.given.is_partial()) return;
  auto indices = upstream_indices(configuration);
  std::vector<std::string_view> names;
  names.reserve(indices.size());
  for (const auto& [name, index] : indices) names.push_back(name);
  auto check_one = [&](const config::Placed<std::string>& upstream) {
    const auto& [name, place] = upstream;
    if (name.empty() || indices.contains(name)) return;
    std::string hint = problems.is_full() ? "" : config::suggestion(name, names);
    problems.add(place, fmt::format("there is no upstream {}{}", config::in_quotes(name), hint));
  };
  for (const net::ListenerSettings& listener : configuration.listeners) check_one(listener.upstream);
  for (const route::RouteSettings& route : configuration.routes) check_one(route.upstream);
}

bool speaks_http(const net::ListenerSettings& listener) {
  // What it was meant to be cannot be known where that could not be read.
  return listener.protocol == net::ListenerProtocol::http || !listener.given.is_sound("protocol");
}

// Routes are for HTTP, and HTTP needs some.
void check_protocols(const Configuration& configuration, config::Problems& problems) {
  const config::Given& given = configuration.given;
  const auto& listeners = configuration.listeners;
  const bool has_http = listeners.empty() || std::ranges::any_of(listeners, speaks_http);
  if (has_http && !given.has("route") && given.is_sound("route") && !given.is_partial()) {
    problems.add(given.place(), "the file needs [[route]]");
  }
  if (has_http || !given.is_sound("listener") || given.is_partial()) return;
  for (const route::RouteSettings& route : configuration.routes) {
    problems.add(route.given.place(), "[[route]] is for HTTP, and no listener speaks it");
  }
}

// What TCP has no use for, in an upstream that nothing else goes to; the defaults may be written down.
void check_tcp_upstreams(const Configuration& configuration, config::Problems& problems) {
  std::set<std::string_view> tcp;
  for (const net::ListenerSettings& listener : configuration.listeners) tcp.insert(listener.upstream.value);
  for (const route::RouteSettings& route : configuration.routes) tcp.erase(route.upstream.value);
  for (const upstream::UpstreamSettings& upstream : configuration.upstreams) {
    if (!tcp.contains(upstream.name.value)) continue;
    auto refuse = [&](bool is_set, const config::Given& given, std::string_view key) {
      if (!is_set) return;
      problems.add(given.place_of(key), fmt::format("`{}` is for HTTP, and only TCP goes to the upstream {}", key,
                                                    config::in_quotes(upstream.name.value)));
    };
    refuse(upstream.keep_alive != upstream::KeepAliveSettings{}, upstream.given, "keep_alive");
    refuse(upstream.upstream_host != route::UpstreamHost{}, upstream.given, "upstream_host");
    refuse(upstream.timeouts.first_byte.has_value(), upstream.timeouts.given, "first_byte");
  }
}

void check_log(const LogSettings& log, config::Problems& problems) {
  if (log.format != LogFormat::json && log.given.has("fields")) {
    problems.add(log.given.place_of("fields"), fmt::format("`fields` goes with the format \"json\", not with {}",
                                                           config::in_quotes(to_string(log.format))));
  }
  std::array<bool, log_field_count> seen{};
  for (const auto& field : log.fields) {
    bool& is_seen = seen[static_cast<std::size_t>(field.value)];
    if (is_seen) {
      problems.add(field.place,
                   fmt::format("the field {} stands in `fields` already", config::in_quotes(to_string(field.value))));
    }
    is_seen = true;
  }
}

// key: what the two members are called in the file.
void check_edit_sizes(const Configuration& configuration, route::Direction direction,
                      route::HeaderEditSettings Configuration::* all,
                      route::HeaderEditSettings route::RouteSettings::* own, std::string_view key,
                      config::Problems& problems) {
  auto fits = [&](const config::Given& given, const route::RouteSettings* route) {
    const std::size_t bytes = configuration.edits(direction, route).literal_bytes();
    if (bytes <= route::added_header_bytes_max) return true;
    problems.add(given.place_of(key),
                 fmt::format("the header edits add {} bytes to each {}, more than the {} there may be", bytes,
                             to_string(direction), route::added_header_bytes_max));
    return false;
  };
  // What is too much for all is not told of each.
  if (!(configuration.*all).given.is_clean() || !fits(configuration.given, nullptr)) return;
  for (const route::RouteSettings& route : configuration.routes) {
    if ((route.*own).given.is_clean()) fits(route.given, &route);
  }
}

void check_edits(const Configuration& configuration, config::Problems& problems) {
  using route::Direction;
  auto check_tables = [&](const auto& tables) {
    route::check_header_edits(tables.request_headers, Direction::request, problems);
    route::check_header_edits(tables.response_headers, Direction::response, problems);
  };
  check_tables(configuration);
  for (const route::RouteSettings& route : configuration.routes) check_tables(route);
  check_edit_sizes(configuration, Direction::request, &Configuration::request_headers,
                   &route::RouteSettings::request_headers, "request_headers", problems);
  check_edit_sizes(configuration, Direction::response, &Configuration::response_headers,
                   &route::RouteSettings::response_headers, "response_headers", problems);
}

void check(const Configuration& configuration, config::Problems& problems) {
  if (!configuration.include.empty()) problems.add(configuration.include.front().place, "`include` needs a file");
  const config::Given& given = configuration.given;
  if (given.has("group") && !given.has("user") && given.is_sound("user")) {
    problems.add(given.place_of("group"), "`group` needs `user`");
  }
  check_unique(configuration.listeners, &net::ListenerSettings::name, "listener name", problems);
  check_unique(configuration.listeners, &net::ListenerSettings::address, "listener address", problems);
  net::check_overlaps(configuration.listeners, problems);
  net::check_listeners(configuration.listeners, problems);
  for (const upstream::UpstreamSettings& upstream : configuration.upstreams) {
    check_unique(upstream.endpoints, &upstream::EndpointSettings::address, "endpoint", problems);
  }
  check_shards(given.has("shards"), configuration.shard_defaults, configuration.shard_blocks, runtime::usable_cpus(),
               problems);
  check_unique(configuration.routes, &route::RouteSettings::name, "route name", problems);
  route::check_routes(configuration.routes, problems);
  check_references(configuration, problems);
  check_protocols(configuration, problems);
  check_tcp_upstreams(configuration, problems);
  check_log(configuration.log, problems);
  for (const route::RouteSettings& route : configuration.routes) route::check_action(route, problems);
  check_edits(configuration, problems);
}

// Says what holds, and still what the file says.
void put(route::TimeoutOverrides& timeouts, const route::Timeouts& values) {
  config::Given given = std::move(timeouts.given);
  timeouts = route::overrides(values);
  timeouts.given = std::move(given);
}

void fill_in(route::TimeoutOverrides& timeouts, const TimeoutSettings& outer) {
  put(timeouts, timeouts.over(outer.exchange()));
  timeouts.given.inherit(outer.given);
}

void fill_in(route::BodyLimitOverrides& limits, const LimitSettings& outer) {
  if (!limits.body_bytes) limits.body_bytes = outer.body_bytes;
  limits.body_rate_min = limits.body_rate_min.value_or(outer.body_rate_min);
  limits.response_rate_min = limits.response_rate_min.value_or(outer.response_rate_min);
  limits.given.inherit(outer.given);
}

// Whether the configuration may name further files.
enum class Files : std::uint8_t { none, read };

std::expected<Configuration, ConfigurationErrors> build(const config::Node& root, Files files,
                                                        config::Problems& problems) {
  Configuration configuration;
  config::read(config::Cursor(root, {}, problems), configuration_keys, configuration);
  route::tell_apart(configuration.routes);
  for (route::RouteSettings& route : configuration.routes) {
    if (route.respond && files == Files::read) route::read_body_file(*route.respond, problems);
  }
  // Where it is not known what holds for all shards, nothing can be said of what each makes of it.
  if (!configuration.given.is_sound("shard_defaults")) configuration.shard_defaults.given = config::Given({}, true);
  check(configuration, problems);
  if (!problems.is_empty()) return std::unexpected(problems.lines());
  configuration.files = problems.files();
  return configuration;
}

}  // namespace

constinit const config::Keys<Configuration> configuration_keys = keys;

http::FieldEdits Configuration::edits(route::Direction direction, const route::RouteSettings* route) const {
  const bool is_request = direction == route::Direction::request;
  std::vector<const route::HeaderEditSettings*> layers{is_request ? &request_headers : &response_headers};
  if (route == nullptr) return route::merge_header_edits(layers, {});
  layers.push_back(is_request ? &route->request_headers : &route->response_headers);
  return route::merge_header_edits(layers, route->display_name());
}

route::Table Configuration::route_table(unsigned shard_count) const {
  auto indices = upstream_indices(*this);
  std::vector<route::Route> table;
  table.reserve(routes.size());
  for (const route::RouteSettings& settings : routes) {
    route::Route& route = table.emplace_back(route::compile(settings, shard_count));
    route.timeouts = settings.timeouts.over(timeouts.exchange());
    route.limits = settings.limits.over(limits.bodies());
    route.trace = settings.trace.value_or(forwarding.trace);
    route.response_edits = edits(route::Direction::response, &settings);
    route.slot = settings.slot;
    if (route.action != route::Action::forward) continue;
    route.upstream = indices.at(settings.upstream.value);
    route.upstream_slot = upstreams[route.upstream].slot;
    const upstream::UpstreamSettings& upstream = upstreams[route.upstream];
    route.timeouts = settings.timeouts.over(upstream.timeouts.over(timeouts.exchange()));
    route.upstream_host = settings.upstream_host.value_or(upstream.upstream_host);
    route.request_edits = edits(route::Direction::request, &settings);
  }
  return route::Table(std::move(table));
}

Configuration Configuration::effective() const {
  Configuration result = *this;
  if (forwarding.identity_headers.empty()) result.forwarding.identity_headers = default_identity_headers();
  result.shard_defaults.completion_entries.value = shard_defaults.completions();
  for (ShardBlock& block : result.shard_blocks) block = block.effective(shard_defaults);
  for (upstream::UpstreamSettings& upstream : result.upstreams) fill_in(upstream.timeouts, timeouts);
  const auto indices = upstream_indices(*this);
  for (route::RouteSettings& route : result.routes) {
    const auto index = indices.find(route.upstream.value);
    route.trace = route.trace.value_or(forwarding.trace);
    route.given.inherit(forwarding.given, "trace");
    fill_in(route.limits, limits);
    if (index != indices.end()) {
      const upstream::UpstreamSettings& upstream = result.upstreams[index->second];
      if (!route.upstream_host) route.upstream_host = upstream.upstream_host;
      route.given.inherit(upstream.given);
      route.timeouts.given.inherit(upstream.timeouts.given);
      const route::Timeouts outer = upstreams[index->second].timeouts.over(timeouts.exchange());
      put(route.timeouts, route.timeouts.over(outer));
    }
    fill_in(route.timeouts, timeouts);
  }
  return result;
}

std::expected<Configuration, ConfigurationErrors> load_configuration(const std::string& path) {
  config::Problems problems(path);
  const auto names = config::top_level(configuration_keys);
  const auto root = config::load_files(path, names, problems);
  return build(root, Files::read, problems);
}

std::expected<std::string, ConfigurationErrors> load_pid_file(const std::string& path) {
  config::Problems problems(path);
  const auto names = config::top_level(configuration_keys);
  const auto root = config::load_files(path, names, problems);
  const config::Node* node = root.find("pid_file");
  // It may be in what could not be read.
  if (node == nullptr && root.is_partial) return std::unexpected(problems.lines());
  if (node == nullptr) return std::string();
  // What is wrong elsewhere is no reason not to stop what runs.
  config::Problems own(path);
  for (std::size_t i = 1; i < problems.files().size(); ++i) own.add_file(problems.files()[i]);
  const auto text = config::Cursor(*node, "`pid_file`", own).text();
  if (!text) return std::unexpected(own.lines());
  return std::string(*text);
}

std::expected<Configuration, ConfigurationErrors> parse_configuration(std::string file, std::string_view text) {
  config::Problems problems(std::move(file));
  const auto root = config::parse_document(text, problems);
  if (!root) return std::unexpected(problems.lines());
  return build(*root, Files::none, problems);
}

std::string dump_configuration(const Configuration& configuration, const Configuration& effective) {
  config::Dump out;
  config::dump(configuration_keys, configuration, effective, out);
  return out.text();
}

}  // namespace sluice::proxy
