#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "message/input.hpp"
#include "net/proxy_header.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

// How receiving a PROXY header ended when the connection did not fail.
struct ReceivedProxyHeader {
  net::ProxyHeaderStatus status = net::ProxyHeaderStatus::partial;  // partial: the peer ended before the header did
  net::ProxyHeaderReject reject = net::ProxyHeaderReject::none;     // valid when rejected
};

// Reads the PROXY header at the front of `input`, waiting for more bytes as needed, and consumes it; what came behind
// it stays. Errors: timed_out, cancelled, reset, exhausted.
[[nodiscard]] runtime::Task<Result<ReceivedProxyHeader>> receive_proxy_header(Input& input, Instant deadline,
                                                                              net::ProxyHeader& out);

}  // namespace sluice::message
