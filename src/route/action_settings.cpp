#include "route/action_settings.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

void check_redirect(const RouteSettings& route, config::Problems& problems) {
  const RedirectSettings& redirect = *route.redirect;
  constexpr std::array<std::uint32_t, 5> statuses = {301, 302, 303, 307, 308};
  if (std::ranges::find(statuses, redirect.status.value) == statuses.end()) {
    problems.add(redirect.status.place,
                 fmt::format("`status` must be 301, 302, 303, 307 or 308, not {}", redirect.status.value));
  }
  const bool is_elsewhere = redirect.scheme || !redirect.host.empty() || redirect.port || route.rewrite.is_given() ||
                            !route.strip_prefix.value.empty();
  if (!is_elsewhere) problems.add(route.place, "`redirect` leads to where the request comes from");
}

void check_respond(const RouteSettings& route, config::Problems& problems) {
  const RespondSettings& respond = *route.respond;
  const auto& [status, place] = respond.status;
  if (status / 100 == 3) {
    problems.add(place, fmt::format("`status` must not be 3xx (that is what `redirect` is for), not {}", status));
  }
  const auto& [name, name_place] = respond.body_file;
  if (!respond.body.empty() && !name.empty()) problems.add(name_place, "`body` and `body_file` exclude each other");
  if ((status == 204 || status == 205) && (!respond.body.empty() || !name.empty())) {
    problems.add(place, fmt::format("a response with the status {} has no body", status));
  }
  if (!route.strip_prefix.value.empty() || route.rewrite.is_given()) {
    problems.add(route.place, "`respond` forwards nothing: `strip_prefix` and `rewrite` have nothing to change");
  }
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
  const int actions =
      int{!route.upstream.value.empty()} + int{route.redirect.has_value()} + int{route.respond.has_value()};
  if (actions == 0) problems.add(route.place, "[[route]] needs `upstream`, `redirect` or `respond`");
  if (actions > 1) problems.add(route.place, "`upstream`, `redirect` and `respond` of a route exclude each other");
  if (route.redirect) check_redirect(route, problems);
  if (route.respond) check_respond(route, problems);
  const bool forwards = !route.redirect && !route.respond;
  const HeaderEditSettings& edits = route.request_headers;
  const bool edits_request = !edits.set.empty() || !edits.add.empty() || !edits.remove.empty();
  if (!forwards && (edits_request || route.upstream_host)) {
    problems.add(route.place, "`request_headers` and `upstream_host` go with `upstream`: nothing else is forwarded");
  }
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
