#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/uri.hpp"
#include "http/writer.hpp"
#include "route/action_settings.hpp"

namespace sluice::route {

// Who answers the requests of a route.
enum class Action : std::uint8_t { forward, redirect, respond };
[[nodiscard]] std::string_view to_string(Action action) noexcept;

// Where a redirect leads; the path and the query are the route's to rewrite.
struct Redirect {
  int status = 302;
  std::string_view scheme{};            // a literal; empty: that of the request
  std::string host{};                   // empty: that of the request
  std::optional<std::uint16_t> port{};  // none: that of the request, or the scheme's own if the scheme is given
};

// A response that stands in the configuration.
struct FixedResponse {
  int status = 200;
  std::string content_type;  // empty when there is no body
  std::string body;
};

// The settings have passed check_action().
[[nodiscard]] Redirect compile(const RedirectSettings& settings);
[[nodiscard]] FixedResponse compile(const RespondSettings& settings);

// What of the request a redirect may keep.
struct Requested {
  std::string_view scheme;  // "http" or "https"
  http::Authority host;     // not empty where the redirect names no host
  std::string_view path;    // begins with '/'; rewritten
  std::string_view query;   // with its leading '?', or empty; rewritten
};

// Writes the URL, which has at most location_bytes_max() bytes: always an absolute one: a path that begins with two
// slashes is never read as a host. A port that is the scheme's own is left out. requested_bytes: of the host, path and
// query of the request together.
[[nodiscard]] std::size_t location_bytes_max(const Redirect& redirect, std::size_t requested_bytes);
void write_location(http::Writer& out, const Redirect& redirect, const Requested& requested) noexcept;

}  // namespace sluice::route
