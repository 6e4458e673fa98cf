#include "route/settings.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.hpp"

namespace sluice::route {
namespace {

bool is_alphanumeric(char c) {
  char l = ascii::lower(c);
  return (l >= 'a' && l <= 'z') || ascii::is_digit(c);
}

// RFC 3986 §2.3
bool is_unreserved(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

bool is_ip_literal(std::string_view host) {
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  std::string bare(host.substr(1, host.size() - 2));
  in6_addr address{};
  return !bare.contains('\0') && inet_pton(AF_INET6, bare.c_str(), &address) == 1;
}

bool is_label(std::string_view label) {
  constexpr std::size_t label_bytes_max = 63;  // RFC 1035 §2.3.4
  auto is_allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= label_bytes_max && std::ranges::all_of(label, is_allowed);
}

bool is_domain_name(std::string_view host) {
  constexpr std::size_t host_bytes_max = 253;
  if (host.size() > host_bytes_max) return false;
  while (true) {
    std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

struct HostName {
  static constexpr std::string_view type = "host name";

  static config::Parsed<std::string> parse(std::string_view text) {
    auto refuse = [&](std::string_view why) {
      return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
    };
    bool is_literal = text.starts_with('[');
    if (text.contains('*')) return refuse("must be one exact name: wildcards are not supported");
    if (text.contains('/')) return refuse("must be a host name alone, without scheme or path");
    if (is_literal ? text.contains("]:") : text.contains(':')) return refuse("must be a host name without a port");
    if (text.ends_with('.')) return refuse("must be written without the dot at the end");
    if (!(is_literal ? is_ip_literal(text) : is_domain_name(text))) {
      return refuse("must be a host name such as \"api.example.com\" (other scripts in their xn-- form)");
    }
    std::string host(text);
    std::ranges::transform(host, host.begin(), ascii::lower);
    return host;
  }
};

// Why a request's path, once normalised, can never be `path`; empty: it can.
std::string_view unreachable_path(std::string_view path) {
  // RFC 3986 §3.3, pchar and the slash.
  auto is_path_character = [](char c) { return is_unreserved(c) || std::string_view("/%!$&'()*+,;=:@").contains(c); };
  if (path.contains('?') || path.contains('#')) return "must be a path alone: the query is not matched";
  if (!std::ranges::all_of(path, is_path_character)) return "must have other characters percent-encoded";
  for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 1)) {
    auto is_upper_hex = [](char c) { return ascii::is_digit(c) || (c >= 'A' && c <= 'F'); };
    std::string_view digits = path.substr(i + 1, 2);
    if (digits.size() != 2 || !std::ranges::all_of(digits, is_upper_hex))
      return "must have `%` before two digits 0-9 or A-F";
    auto decoded = static_cast<char>(ascii::hex_value(digits[0]) * 16 + ascii::hex_value(digits[1]));
    if (is_unreserved(decoded)) return "must have letters, digits and `-._~` written plainly, not percent-encoded";
  }
  for (std::size_t slash = 0; slash != std::string_view::npos;) {
    std::size_t next = path.find('/', slash + 1);
    std::string_view segment = path.substr(slash + 1, next == std::string_view::npos ? next : next - slash - 1);
    if (segment == "." || segment == "..") return "must not have `.` or `..` segments";
    if (segment.empty() && next != std::string_view::npos) return "must not have empty segments";
    slash = next;
  }
  return {};
}

struct Path {
  static constexpr std::string_view type = "path";

  static config::Parsed<PathPattern> parse(std::string_view text) {
    constexpr std::size_t path_bytes_max = 1024;
    auto refuse = [&](std::string_view why) {
      return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
    };
    if (!text.starts_with('/')) return refuse("must start with `/`");
    if (text.size() > path_bytes_max) return refuse("must be at most 1024 bytes long");
    bool is_prefix = text.ends_with("/*");
    std::string_view path = is_prefix ? text.substr(0, text.size() - 2) : text;
    if (path.contains('*'))
      return refuse("may have `*` only as its last segment, where it stands for everything below");
    std::string_view why = path.empty() ? "" : unreachable_path(path);
    if (why.empty() && is_prefix && path.ends_with('/')) why = "must not have empty segments";
    if (!why.empty()) return refuse(why);
    return PathPattern{std::string(path), is_prefix};
  }
};

struct StripPrefix {
  static constexpr std::string_view type = "path";

  static config::Parsed<std::string> parse(std::string_view text) {
    if (text.size() > 1 && text.starts_with('/') && !text.ends_with('/') && !text.contains('*'))
      return std::string(text);
    return std::unexpected(fmt::format("must be a path such as \"/v1\", without `*` and without `/` at the end, not {}",
                                       config::in_quotes(text)));
  }
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
});

constexpr auto keys = std::to_array<config::Key<RouteSettings>>({
    config::string<&RouteSettings::name, config::Name>("name", "Its name in logs and metrics; no two routes share one.")
        .otherwise("host and path"),
    config::string<&RouteSettings::host, HostName>(
        "host", "The host that the request names, exactly, without the port; upper and lower case are the same.")
        .otherwise("any host"),
    config::string<&RouteSettings::path, Path>(
        "path", "`\"/v1/*\"`: `/v1` and everything below it, by whole segments. `\"/x\"`: that path alone."),
    config::string<&RouteSettings::strip_prefix, StripPrefix>(
        "strip_prefix",
        "Taken off the front of the path before the request is forwarded: whole segments that `path` starts with.")
        .otherwise("nothing"),
    config::string<&RouteSettings::upstream, config::Name>("upstream", "Name of the upstream that answers.").required(),
    config::table<&RouteSettings::timeouts, timeout_override_keys>(
        "timeouts", "Timeouts of this route, in place of the ones of its upstream and of `[timeouts]`."),
});

// Whether `path` is `prefix` or lies below it.
bool is_below(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

constinit const config::Keys<TimeoutOverrides> timeout_override_keys = timeout_list;
constinit const config::Keys<RouteSettings> route_keys = keys;

Timeouts TimeoutOverrides::over(const Timeouts& outer) const {
  return {.connect = connect.value_or(outer.connect),
          .first_byte = first_byte.value_or(outer.first_byte),
          .idle = idle.value_or(outer.idle)};
}

TimeoutOverrides overrides(const Timeouts& timeouts) {
  return {.connect = timeouts.connect, .first_byte = timeouts.first_byte, .idle = timeouts.idle};
}

std::string to_string(const PathPattern& pattern) { return pattern.is_prefix ? pattern.path + "/*" : pattern.path; }

std::string RouteSettings::display_name() const { return name.value.empty() ? host + to_string(path) : name.value; }

void check_routes(std::span<const RouteSettings> routes, config::Problems& problems) {
  std::map<std::pair<std::string_view, PathPattern>, config::Place> seen;
  for (const RouteSettings& route : routes) {
    if (route.has_problem) continue;
    std::string_view prefix = route.strip_prefix.value;
    if (!is_below(route.path.path, prefix)) {
      problems.add(route.strip_prefix.place,
                   fmt::format("`strip_prefix` must be whole segments that the path {} starts with, not {}",
                               config::in_quotes(to_string(route.path)), config::in_quotes(prefix)));
    }
    auto [first, is_new] = seen.try_emplace({route.host, route.path}, route.place);
    if (is_new) continue;
    problems.add(route.place, fmt::format("this [[route]] has the host and path of the one at {}: {}{}",
                                          problems.place_text(first->second), route.host, to_string(route.path)));
  }
}

}  // namespace sluice::route
