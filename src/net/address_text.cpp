#include "net/address_text.hpp"

#include <fmt/format.h>

#include "config/problems.hpp"
#include "net/address.hpp"

namespace sluice::net {

config::Parsed<std::string> AddressText::parse(std::string_view text) {
  if (text.starts_with("unix:")) {
    if (Address::parse(text)) return std::string(text);
    return std::unexpected(
        fmt::format("must have behind `unix:` a path from the root, without empty, `.` and `..` segments, or `@` and a "
                    "name; at most {} bytes, not {}",
                    Address::path_bytes_max, config::in_quotes(text)));
  }
  if (text.starts_with('/') || text.starts_with('.') || text.starts_with('@')) {
    return std::unexpected(fmt::format("must name a unix socket as \"unix:/run/app.sock\" or \"unix:@app\", not {}",
                                       config::in_quotes(text)));
  }
  return config::IpPort::parse(text);
}

}  // namespace sluice::net
