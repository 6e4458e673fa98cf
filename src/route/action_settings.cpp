#include "route/action_settings.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/file.hpp"
#include "http/uri.hpp"
#include "route/header_settings.hpp"
#include "route/settings.hpp"

namespace sluice::route {
namespace {

struct Scheme {
  static constexpr std::string_view type = R"("http" or "https")";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (text == "http" || text == "https") return std::string(text);
    return std::unexpected(fmt::format("must be \"http\" or \"https\", not {}", config::in_quotes(text)));
  }
};

// Written as it is, in lower or upper case.
struct NewHost {
  static constexpr std::string_view type = "host name";
  static config::Parsed<std::string> parse(std::string_view text) {
    auto authority = http::parse_authority(text);
    if (authority && !authority->port && !text.ends_with('.')) return std::string(text);
    return std::unexpected(fmt::format("must be a host name without a port, such as \"www.example.com\", not {}",
                                       config::in_quotes(text)));
  }
};

// A value without variables.
struct ContentType {
  static constexpr std::string_view type = "media type";
  static config::Parsed<std::string> parse(std::string_view text) {
    constexpr std::size_t media_type_bytes_max = 256;
    auto is_visible = [](char c) { return c >= 0x20 && c < 0x7f; };
    const bool is_good = text.contains('/') && text.size() <= media_type_bytes_max && text.front() != ' ' &&
                         text.back() != ' ' && std::ranges::all_of(text, is_visible);
    if (is_good) return std::string(text);
    return std::unexpected(fmt::format("must be a media type such as \"text/html\", not {}", config::in_quotes(text)));
  }
};

struct Body {
  static constexpr std::string_view type = "string";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (text.size() <= respond_bytes_max) return std::string(text);
    return std::unexpected(fmt::format("must be at most 64KiB long, not {} bytes", text.size()));
  }
};

constexpr auto redirect_list = std::to_array<config::Key<RedirectSettings>>({
    config::integer<&RedirectSettings::status>("status", {301, 308}, "301, 302, 303, 307 or 308."),
    config::string<&RedirectSettings::scheme, Scheme>("scheme", "Scheme of the new URL.")
        .otherwise("that of the request"),
    config::string<&RedirectSettings::host, NewHost>("host", "Host of the new URL.").otherwise("that of the request"),
    config::integer<&RedirectSettings::port>("port", {1, 65535}, "Port of the new URL.")
        .otherwise("the usual one of `scheme`, or without it that of the request"),
});

constexpr auto respond_list = std::to_array<config::Key<RespondSettings>>({
    config::integer<&RespondSettings::status>("status", {200, 599}, "Status of the response; not 3xx."),
    config::string<&RespondSettings::content_type, ContentType>("content_type", "Content-Type of the body."),
    config::string<&RespondSettings::body, Body>("body", "The body, at most 64KiB."),
    config::string<&RespondSettings::body_file, config::Text>(
        "body_file", "File with the body, read when the configuration is; a relative path starts beside this file.")
        .otherwise("none"),
});

void check_redirect(const RedirectSettings& redirect, config::Problems& problems) {
  constexpr std::array<std::uint32_t, 5> statuses = {301, 302, 303, 307, 308};
  if (std::ranges::find(statuses, redirect.status.value) != statuses.end()) return;
  problems.add(redirect.status.place,
               fmt::format("`status` must be 301, 302, 303, 307 or 308, not {}", redirect.status.value));
}

void check_respond(const RespondSettings& respond, config::Problems& problems) {
  const auto& [status, place] = respond.status;
  if (status / 100 == 3) {
    problems.add(place, fmt::format("`status` must not be 3xx (that is what `redirect` is for), not {}", status));
  }
  const bool has_body = !respond.body.empty() || !respond.given.is_sound("body");
  const bool has_file = respond.given.has("body_file");
  if (has_body && has_file) {
    problems.add(respond.given.place_of("body_file"), "`body` and `body_file` exclude each other");
  }
  if ((status == 204 || status == 205) && (has_body || has_file)) {
    problems.add(place, fmt::format("a response with the status {} has no body", status));
  }
}

bool may_have(const config::Given& given, std::string_view key) { return given.has(key) || !given.is_sound(key); }

// Whether something in the rewrite is given, or may be.
bool may_rewrite(const RouteSettings& route) {
  const config::Given& given = route.rewrite.given;
  return route.rewrite.is_given() || !given.is_clean() || !route.given.is_sound("rewrite");
}

void check_destination(const RouteSettings& route, config::Problems& problems) {
  const config::Given& given = route.redirect->given;
  const bool is_elsewhere = may_have(given, "scheme") || may_have(given, "host") || may_have(given, "port") ||
                            given.has_unknown_key() || may_rewrite(route) || may_have(route.given, "strip_prefix");
  if (is_elsewhere) return;
  problems.add(route.given.place_of("redirect"), "`redirect` leads to where the request comes from");
}

// What goes with `upstream` alone, in a route that has another action.
void check_idle_keys(const RouteSettings& route, std::string_view action, config::Problems& problems) {
  auto refuse = [&](std::string_view key) {
    problems.add(route.given.place_of(key),
                 fmt::format("`{}` goes with `upstream`: `{}` forwards nothing", key, action));
  };
  const HeaderEditSettings& edits = route.request_headers;
  const bool edits_request = !edits.set.empty() || !edits.add.empty() || !edits.remove.empty();
  if (edits_request || !edits.given.is_clean()) refuse("request_headers");
  if (route.given.has("upstream_host")) refuse("upstream_host");
}

// What changes a path, in a route that does nothing with it.
void check_idle_changes(const RouteSettings& route, config::Problems& problems) {
  auto refuse = [&](std::string_view key) {
    problems.add(route.given.place_of(key), fmt::format("`{}` has nothing to change: `respond` forwards nothing", key));
  };
  if (route.given.has("strip_prefix")) refuse("strip_prefix");
  if (route.rewrite.is_given() || !route.rewrite.given.is_clean()) refuse("rewrite");
}

}  // namespace

constinit const config::Keys<RedirectSettings> redirect_keys = redirect_list;
constinit const config::Keys<RespondSettings> respond_keys = respond_list;

std::string to_string(const UpstreamHost& host) {
  switch (host.kind) {
    case UpstreamHost::Kind::preserve:
      return "preserve";
    case UpstreamHost::Kind::endpoint:
      return "endpoint";
    case UpstreamHost::Kind::name:
      return host.name;
  }
  return "unknown";
}

config::Parsed<UpstreamHost> UpstreamHostText::parse(std::string_view text) {
  if (text == "preserve") return UpstreamHost{UpstreamHost::Kind::preserve};
  if (text == "endpoint") return UpstreamHost{UpstreamHost::Kind::endpoint};
  if (http::parse_authority(text)) return UpstreamHost{UpstreamHost::Kind::name, std::string(text)};
  return std::unexpected(fmt::format("must be \"preserve\", \"endpoint\" or a host with or without a port, not {}",
                                     config::in_quotes(text)));
}

void check_action(const RouteSettings& route, config::Problems& problems) {
  if (route.redirect) check_redirect(*route.redirect, problems);
  if (route.respond) check_respond(*route.respond, problems);
  const config::Given& given = route.given;
  std::vector<std::string> actions;
  config::Place last;
  for (std::string_view key : {"upstream", "redirect", "respond"}) {
    if (!given.has(key)) continue;
    actions.push_back(fmt::format("`{}`", key));
    last = std::max(last, given.place_of(key));
  }
  if (actions.size() > 1) {
    const std::string most = fmt::format("{}", fmt::join(actions.begin(), actions.end() - 1, ", "));
    problems.add(last, fmt::format("{} and {} of a route exclude each other", most, actions.back()));
  }
  // Which of them is meant is not known, so what goes along with it is not either.
  if (actions.size() > 1 || !given.are_sound("upstream", "redirect", "respond")) return;
  if (actions.empty()) problems.add(given.place(), "[[route]] needs `upstream`, `redirect` or `respond`");
  if (route.redirect) check_destination(route, problems);
  if (route.respond) check_idle_changes(route, problems);
  if (route.redirect || route.respond) check_idle_keys(route, route.redirect ? "redirect" : "respond", problems);
}

void read_body_file(RespondSettings& respond, config::Problems& problems) {
  const auto& [name, place] = respond.body_file;
  if (name.empty()) return;
  const std::string path = config::beside(problems.file(place), name);
  auto text = config::read_file(path, respond_bytes_max);
  if (text) {
    respond.file_text = std::move(*text);
  } else {
    problems.add(place, fmt::format("the file {} {}", config::in_quotes(path), text.error()));
  }
}

}  // namespace sluice::route
