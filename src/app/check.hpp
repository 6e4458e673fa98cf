#pragma once

#include <string>
#include <vector>

#include "proxy/configuration.hpp"

namespace sluice::app {

// What would keep a start from succeeding on this host, for this user, beyond what the configuration says itself: one
// line for each, "file:line:column: ..." where it has a place. Nothing that runs notices. As root it becomes the
// configured user on the way, for good: for a process that ends then.
[[nodiscard]] std::vector<std::string> check_host(const proxy::Configuration& configuration);

}  // namespace sluice::app
