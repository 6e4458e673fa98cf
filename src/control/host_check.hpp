#pragma once

#include <string>
#include <vector>

#include "proxy/configuration.hpp"

namespace sluice::control {

// What a valid configuration asks of the kernel in vain, one line each, with its place. Opens sockets, and closes them
// again.
[[nodiscard]] std::vector<std::string> unmet_by_host(const proxy::Configuration& configuration);

}  // namespace sluice::control
