#pragma once

#include <string>
#include <string_view>

#include "config/scalar.hpp"

namespace sluice::net {

// How the file names an address that Address::parse() takes, in canonical spelling: a port from 1 to 65535, or a unix
// socket.
struct AddressText {
  static constexpr std::string_view type = "address";
  static config::Parsed<std::string> parse(std::string_view text);
};

}  // namespace sluice::net
