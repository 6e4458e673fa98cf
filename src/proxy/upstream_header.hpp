#pragma once

#include "base/error.hpp"

namespace sluice::upstream {
class Connection;
}  // namespace sluice::upstream

namespace sluice::proxy {

class Downstream;

// Puts in front of what a new connection to an endpoint sends the PROXY header that its upstream wants, if any: of the
// client and of where it connected to. Errors: exhausted (no block to be had).
[[nodiscard]] Result<void> announce_client(const Downstream& downstream, upstream::Connection& connection);

}  // namespace sluice::proxy
