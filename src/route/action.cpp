#include "route/action.hpp"

namespace sluice::route {
namespace {

constexpr std::uint16_t port_of(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

}  // namespace

std::string_view to_string(Action action) noexcept {
  switch (action) {
    case Action::forward:
      return "forward";
    case Action::redirect:
      return "redirect";
    case Action::respond:
      return "respond";
  }
  return "unknown";
}

Redirect compile(const RedirectSettings& settings) {
  Redirect redirect;
  redirect.status = static_cast<int>(settings.status.value);
  if (settings.scheme) redirect.scheme = *settings.scheme == "https" ? "https" : "http";
  redirect.host = settings.host;
  if (settings.port) redirect.port = static_cast<std::uint16_t>(*settings.port);
  return redirect;
}

FixedResponse compile(const RespondSettings& settings) {
  FixedResponse response;
  response.status = static_cast<int>(settings.status.value);
  response.body = settings.body_file.value.empty() ? settings.body : settings.file_text;
  if (!response.body.empty()) response.content_type = settings.content_type;
  return response;
}

std::size_t location_bytes_max(const Redirect& redirect, std::size_t requested_bytes) {
  constexpr std::size_t scheme_and_port = sizeof "https://" + sizeof ":65535";
  return scheme_and_port + redirect.host.size() + requested_bytes;
}

void write_location(http::Writer& out, const Redirect& redirect, const Requested& requested) noexcept {
  const std::string_view scheme = redirect.scheme.empty() ? requested.scheme : redirect.scheme;
  std::optional<std::uint16_t> port = redirect.port;
  if (!port && redirect.scheme.empty()) port = requested.host.port;
  out.append(scheme);
  out.append("://");
  out.append(redirect.host.empty() ? requested.host.host : std::string_view(redirect.host));
  if (port && *port != port_of(scheme)) {
    out.append(':');
    out.append_decimal(*port);
  }
  out.append(requested.path);
  out.append(requested.query);
}

}  // namespace sluice::route
