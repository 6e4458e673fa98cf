#pragma once

#include <expected>
#include <string>

#include "net/address.hpp"
#include "target.hpp"

namespace sluice::load {

// Where a URL leads: a numeric address as it is, a name as the system resolves it (the first address counts). May wait.
[[nodiscard]] std::expected<net::Address, std::string> resolve(const Url& url);

}  // namespace sluice::load
