#include "proxy/admin_settings.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "config/problems.hpp"

namespace sluice::proxy {
namespace {

struct SocketPath {
  static constexpr std::string_view type = "string";
  static config::Parsed<std::string> parse(std::string_view text) {
    constexpr std::size_t path_bytes_max = 107;  // sun_path has 108, one of them for the NUL
    if (text.empty()) return std::unexpected("must not be empty");
    if (text.size() > path_bytes_max) {
      return std::unexpected(fmt::format("must be at most {} bytes long, not {}", path_bytes_max, text.size()));
    }
    if (text.contains('\0')) return std::unexpected("must not have a NUL byte in it");
    if (text.ends_with('/')) return std::unexpected(fmt::format("must name a file, not {}", config::in_quotes(text)));
    return std::string(text);
  }
};

constexpr auto keys = std::to_array<config::Key<AdminSettings>>({
    config::string<&AdminSettings::socket, SocketPath>(
        "socket",
        "Unix socket that shows metrics, health and connections; a relative path starts at the working directory. "
        "`\"off\"`: none."),
    config::string<&AdminSettings::mode, net::FileModeText>(
        "mode", "Who may connect: the mode of the socket's file. Connecting needs the right to write."),
});

}  // namespace

constinit const config::Keys<AdminSettings> admin_keys = keys;

}  // namespace sluice::proxy
