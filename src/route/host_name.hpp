#pragma once

#include <string>
#include <string_view>

#include "config/scalar.hpp"

namespace sluice::route {

// The `host` of a route, in lower case: "api.example.com", "*.example.com", an address; never empty.
struct HostName {
  static constexpr std::string_view type = "host name";
  static config::Parsed<std::string> parse(std::string_view text);
};

// "*.example.com" stands for every name of one or more labels before ".example.com".
[[nodiscard]] inline bool is_wildcard(std::string_view host) { return host.starts_with("*."); }

}  // namespace sluice::route
