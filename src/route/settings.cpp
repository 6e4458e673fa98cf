#include "route/settings.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "http/bytes.hpp"
#include "route/host_name.hpp"
#include "route/route.hpp"

namespace sluice::route {
namespace {

struct PathRegex {
  static constexpr std::string_view type = "regular expression";

  static config::Parsed<std::string> parse(std::string_view text) {
    auto compiled = Regex::compile(text);
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    return compiled->text();
  }
};

struct StripPrefix {
  static constexpr std::string_view type = "path";

  static config::Parsed<std::string> parse(std::string_view text) {
    if (text.size() > 1 && text.starts_with('/') && !text.ends_with('/') &&
        text.find_first_of("*{") == std::string_view::npos)
      return std::string(text);
    return std::unexpected(fmt::format("must be a path such as \"/v1\", without `*` and without `/` at the end, not {}",
                                       config::in_quotes(text)));
  }
};

// protocol = token [ "/" token ], RFC 9110 §7.8.
struct Protocol {
  static constexpr std::string_view type = "protocol";

  static config::Parsed<std::string> parse(std::string_view text) {
    auto refuse = [&](std::string_view why) {
      return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
    };
    auto is_token = [](std::string_view part) { return part.size() <= protocol_bytes_max && http::is_token(part); };
    const std::size_t slash = text.find('/');
    const bool has_version = slash != std::string_view::npos;
    if (!is_token(text.substr(0, slash)) || (has_version && !is_token(text.substr(slash + 1)))) {
      return refuse("must be a protocol such as \"websocket\"");
    }
    std::string protocol(text);
    std::ranges::transform(protocol, protocol.begin(), ascii::lower);
    // What an endpoint would then be sent past us is the next request.
    const std::string_view name = std::string_view(protocol).substr(0, slash);
    if (name == "h2c" || name == "h2" || name == "http") return refuse("must not be a version of HTTP");
    return protocol;
  }

 private:
  static constexpr std::size_t protocol_bytes_max = 64;
};

constexpr auto timeout_list = std::to_array<config::Key<TimeoutOverrides>>({
    config::duration<&TimeoutOverrides::connect>("connect", timeout_range, "To open a connection to an endpoint.")
        .otherwise("from further out"),
    config::duration<&TimeoutOverrides::first_byte>("first_byte", timeout_range,
                                                    "From the end of the request to the first byte of the response.")
        .otherwise("from further out"),
    config::duration<&TimeoutOverrides::idle>("idle", timeout_range,
                                              "Longest pause in a body, in either direction and on either side.")
        .otherwise("from further out"),
    config::duration<&TimeoutOverrides::tunnel>("tunnel", timeout_range,
                                                "Longest time in which nothing moves in a tunnel, in either direction.")
        .otherwise("from further out"),
});

constexpr auto body_limit_list = std::to_array<config::Key<BodyLimitOverrides>>({
    config::size<&BodyLimitOverrides::body_bytes>(
        "body_bytes", body_bytes_range, "Payload of a request body. Past it: 413; with `0` no request may have one.")
        .otherwise("from further out"),
    config::size<&BodyLimitOverrides::body_rate_min>(
        "body_rate_min", rate_range,
        "Bytes of a request body a second, at least, over each `idle` in which it is waited for. Below it: 408.")
        .otherwise("from further out"),
    config::size<&BodyLimitOverrides::response_rate_min>(
        "response_rate_min", rate_range,
        "Bytes of a response a second, at least, that a client takes over each `idle` in which it is waited for.")
        .otherwise("from further out"),
});

constexpr auto keys = std::to_array<config::Key<RouteSettings>>({
    config::string<&RouteSettings::name, config::Name>("name", "Its name in logs and metrics; no two routes share one.")
        .otherwise("host and path"),
    config::string<&RouteSettings::host, HostName>(
        "host",
        "The host that the request names, without the port; `\"*.example.com\"` stands for every name below it.")
        .otherwise("any host"),
    config::string<&RouteSettings::path, Path>("path",
                                               "`\"/v1/*\"`: `/v1` and everything below it. `\"/x\"`: that path alone. "
                                               "`\"/users/{id}\"`: any one segment there.")
        .otherwise("\"/*\""),
    config::string<&RouteSettings::path_regex, PathRegex>(
        "path_regex", "In place of `path`: what the whole path must fit, without the query.")
        .otherwise("none"),
    config::strings<&RouteSettings::methods, MethodName>("methods", {1, 16}, "The methods that it takes.")
        .otherwise("any method"),
    config::list<&RouteSettings::headers, header_condition_keys>("headers", condition_count,
                                                                 "What header fields must be, all of them."),
    config::list<&RouteSettings::query, query_condition_keys>("query", condition_count,
                                                              "What parameters of the query must be, all of them."),
    config::string<&RouteSettings::strip_prefix, StripPrefix>(
        "strip_prefix",
        "Taken off the front of the path before the request is forwarded: whole segments that `path` starts with.")
        .otherwise("nothing"),
    config::table<&RouteSettings::rewrite, rewrite_keys>(
        "rewrite", "What the path and the query become before the request is forwarded."),
    config::string<&RouteSettings::upstream, config::Name>("upstream", "Name of the upstream that answers.")
        .otherwise("none, with `redirect` or `respond`"),
    config::string<&RouteSettings::upstream_host, UpstreamHostText>(
        "upstream_host",
        "The Host that goes to the upstream: that of the request, the address of the endpoint, or this one.")
        .otherwise("that of the upstream"),
    config::table<&RouteSettings::request_headers, header_edit_keys>(
        "request_headers", "Changes to the header of requests that are forwarded."),
    config::table<&RouteSettings::response_headers, header_edit_keys>("response_headers",
                                                                      "Changes to the header of responses."),
    config::table<&RouteSettings::redirect, redirect_keys>(
        "redirect",
        "In place of `upstream`: the client is sent elsewhere, with the path and query that would be forwarded."),
    config::table<&RouteSettings::respond, respond_keys>("respond", "In place of `upstream`: a fixed response."),
    config::table<&RouteSettings::timeouts, timeout_override_keys>(
        "timeouts", "Timeouts of this route, in place of the ones of its upstream and of `[timeouts]`."),
    config::strings<&RouteSettings::upgrade, Protocol>(
        "upgrade", {0, 16},
        "Protocols that a request may ask to change to; a connection that does becomes a tunnel. With `[]` none."),
    config::boolean<&RouteSettings::half_close>(
        "half_close", "A client may end its side behind its request and still gets the response."),
    config::boolean<&RouteSettings::trace>("trace", "Whether TRACE is forwarded.").otherwise("`forwarding.trace`"),
    config::table<&RouteSettings::limits, body_limit_keys>("limits",
                                                           "Limits of this route, in place of those of `[limits]`."),
});

// What tells a route's requests from those of others; the same for two that fit the same ones.
struct Identity {
  std::string_view host;
  PathPattern path;
  std::string_view path_regex;
  std::vector<std::string> methods;
  std::vector<ConditionSettings> headers;
  std::vector<ConditionSettings> query;

  auto operator<=>(const Identity&) const = default;
};

Identity identity_of(const RouteSettings& route) {
  Identity identity{route.host, route.pattern(), route.path_regex.value, {}, route.headers, route.query};
  for (const auto& method : route.methods) identity.methods.push_back(method.value);
  std::ranges::sort(identity.methods);
  std::ranges::sort(identity.headers);
  std::ranges::sort(identity.query);
  return identity;
}

bool has_conditions(const RouteSettings& route) {
  return !route.methods.empty() || !route.headers.empty() || !route.query.empty();
}

bool has_two_ends(const ConditionSettings& each) {
  const config::Given& given = each.given;
  return int{given.has("value")} + int{given.has("regex")} + int{given.has("present")} > 1;
}

void check_conditions(std::span<const ConditionSettings> conditions, std::string_view what,
                      config::Problems& problems) {
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const ConditionSettings& each = conditions[i];
    if (has_two_ends(each)) {
      problems.add(each.given.place(), "a condition has one of `value`, `regex` and `present`");
    }
    for (const ConditionSettings& earlier : conditions.first(i)) {
      if (earlier.name.value != each.name.value || each.name.value.empty()) continue;
      problems.add(each.name.place,
                   fmt::format("there is a condition on the {} {} already, at {}", what,
                               config::in_quotes(each.name.value), problems.place_text(earlier.name.place)));
      break;
    }
  }
}

void check_methods(const RouteSettings& route, config::Problems& problems) {
  std::vector<std::string_view> seen;
  for (const auto& [method, place] : route.methods) {
    if (std::ranges::find(seen, method) != seen.end()) {
      problems.add(place, fmt::format("`methods` has {} already", config::in_quotes(method)));
    }
    seen.push_back(method);
  }
}

std::size_t expression_count(const RouteSettings& route) {
  auto is_expression = [](const ConditionSettings& each) { return each.regex.has_value(); };
  return (route.has_expression() ? 1 : 0) +
         static_cast<std::size_t>(std::ranges::count_if(route.headers, is_expression) +
                                  std::ranges::count_if(route.query, is_expression));
}

// Whether all that tells the route's requests from others' is known.
bool is_identity_sound(const RouteSettings& route) {
  auto is_sound = [](const ConditionSettings& each) { return each.given.is_clean() && !has_two_ends(each); };
  const config::Given& given = route.given;
  return given.are_sound("host", "path", "path_regex", "methods", "headers", "query") && !given.has_unknown_key() &&
         !has_two_paths(route) && std::ranges::all_of(route.headers, is_sound) &&
         std::ranges::all_of(route.query, is_sound);
}

// Whether anything can become of the path; if not, that is told.
bool forwards(const RouteSettings& route) {
  const config::Given& given = route.given;
  return given.has("upstream") || given.has("redirect") || !given.has("respond");
}

void check_route(const RouteSettings& route, config::Problems& problems) {
  if (has_two_paths(route)) {
    problems.add(route.given.place_of("path_regex"), "`path` and `path_regex` exclude each other");
  }
  check_methods(route, problems);
  check_conditions(route.headers, "header field", problems);
  check_conditions(route.query, "parameter", problems);
  if (forwards(route)) check_rewrite(route, problems);
}

}  // namespace

constinit const config::Keys<TimeoutOverrides> timeout_override_keys = timeout_list;
constinit const config::Keys<BodyLimitOverrides> body_limit_keys = body_limit_list;
constinit const config::Keys<RouteSettings> route_keys = keys;

Timeouts TimeoutOverrides::over(const Timeouts& outer) const {
  return {.connect = connect.value_or(outer.connect),
          .first_byte = first_byte.value_or(outer.first_byte),
          .idle = idle.value_or(outer.idle),
          .tunnel = tunnel.value_or(outer.tunnel)};
}

TimeoutOverrides overrides(const Timeouts& timeouts) {
  return {
      .connect = timeouts.connect, .first_byte = timeouts.first_byte, .idle = timeouts.idle, .tunnel = timeouts.tunnel};
}

BodyLimits BodyLimitOverrides::over(const BodyLimits& outer) const {
  return {.body_bytes = body_bytes.value_or(outer.body_bytes),
          .body_rate_min = body_rate_min.value_or(outer.body_rate_min),
          .response_rate_min = response_rate_min.value_or(outer.response_rate_min)};
}

std::string RouteSettings::path_text() const { return has_expression() ? path_regex.value : to_string(pattern()); }

std::string RouteSettings::display_name() const {
  return name.value.empty() ? host + path_text() + distinction : name.value;
}

void tell_apart(std::span<RouteSettings> routes) {
  std::unordered_map<std::string, unsigned>
      routes_of;  // how many have been called that, and the numbers that were tried
  for (const RouteSettings& route : routes) {
    if (!route.name.value.empty()) routes_of[route.name.value] = 1;
  }
  for (RouteSettings& route : routes) {
    if (!route.name.value.empty()) continue;
    route.distinction.clear();
    const std::string name = route.display_name();
    unsigned& count = routes_of[name];
    if (++count == 1) continue;
    // An expression may look like a name with a number.
    for (route.distinction = fmt::format(" #{}", count); !routes_of.try_emplace(name + route.distinction, 1).second;) {
      route.distinction = fmt::format(" #{}", ++count);
    }
  }
}

void check_routes(std::span<const RouteSettings> routes, config::Problems& problems) {
  std::map<Identity, config::Place> seen;
  std::size_t expressions = 0;
  for (const RouteSettings& route : routes) {
    check_route(route, problems);
    std::size_t before = std::exchange(expressions, expressions + expression_count(route));
    if (before <= expressions_max && expressions > expressions_max) {
      problems.add(route.given.place(),
                   fmt::format("the routes have more than {} regular expressions", expressions_max));
    }
    if (!is_identity_sound(route)) continue;
    auto [first, is_new] = seen.try_emplace(identity_of(route), route.given.place());
    if (is_new) continue;
    problems.add(route.given.place(),
                 fmt::format("this [[route]] has the host{} path{} of the one at {}: {}{}",
                             has_conditions(route) ? "," : " and", has_conditions(route) ? " and conditions" : "",
                             problems.place_text(first->second), route.host, route.path_text()));
  }
}

Route compile(const RouteSettings& settings, unsigned shards) {
  Route route;
  route.name = settings.display_name();
  route.host = settings.host;
  route.path = settings.pattern();
  if (settings.has_expression()) {
    auto compiled = Regex::compile(settings.path_regex.value, shards);
    SLUICE_ASSERT(compiled.has_value());
    route.path_regex = std::move(*compiled);
  }
  for (const auto& method : settings.methods) route.conditions.methods.push_back(method.value);
  for (const ConditionSettings& each : settings.headers) route.conditions.headers.emplace_back(each, shards);
  for (const ConditionSettings& each : settings.query) route.conditions.query.emplace_back(each, shards);
  route.strip_prefix = settings.strip_prefix.value;
  route.upgrade = settings.upgrade;
  route.half_close = settings.half_close;
  if (settings.rewrite.is_given()) route.rewrite = Rewrite(settings.rewrite, capture_names(settings));
  if (settings.redirect) {
    route.action = Action::redirect;
    route.redirect = compile(*settings.redirect);
  } else if (settings.respond) {
    route.action = Action::respond;
    route.response = compile(*settings.respond);
  }
  return route;
}

}  // namespace sluice::route
