#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"

namespace sluice::route {

struct RouteSettings;

// `redirect` of a route: what is different in the new URL, beside what `strip_prefix` and `rewrite` make of its path
// and query.
struct RedirectSettings {
  config::Placed<std::uint32_t> status{.value = 302};
  std::optional<std::string> scheme;  // "http" or "https"
  std::string host;                   // no port; empty: that of the request
  std::optional<std::uint32_t> port;
  config::Given given{};
};
extern const config::Keys<RedirectSettings> redirect_keys;

// `respond` of a route.
struct RespondSettings {
  config::Placed<std::uint32_t> status{.value = 200};
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  config::Placed<std::string> body_file;  // empty: none
  std::string file_text;                  // of body_file
  config::Given given{};
};
extern const config::Keys<RespondSettings> respond_keys;
inline constexpr std::size_t respond_bytes_max = 64 * 1024;

// The Host that goes to the upstream.
struct UpstreamHost {
  enum class Kind : std::uint8_t {
    preserve,  // that of the request
    endpoint,  // the address of the endpoint
    name,
  };
  Kind kind = Kind::preserve;
  std::string name{};  // host, with or without a port; valid with Kind::name

  friend bool operator==(const UpstreamHost&, const UpstreamHost&) = default;
};
[[nodiscard]] std::string to_string(const UpstreamHost& host);

// How `upstream_host` is written.
struct UpstreamHostText {
  static constexpr std::string_view type = R"("preserve", "endpoint" or host)";
  static config::Parsed<UpstreamHost> parse(std::string_view text);
};

// What no single key can tell of what a route does with its requests.
void check_action(const RouteSettings& route, config::Problems& problems);
// Reads the file with the body, if there is one. Blocks: for the control thread.
void read_body_file(RespondSettings& respond, config::Problems& problems);

}  // namespace sluice::route
