#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/head.hpp"
#include "http/parser.hpp"
#include "message/input.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

// How receiving a head ended when the connection did not fail.
struct ReceivedHead {
  http::HeadStatus status = http::HeadStatus::partial;  // partial: the peer ended before the head did
  http::Reject reject = http::Reject::none;             // valid when rejected
};

// Parses the head at the front of `input`, waiting for more bytes as needed, and consumes it. The views in `out` are
// valid until the input is released or read on. After timed_out the call may be repeated. Errors: timed_out, cancelled,
// reset, exhausted.
[[nodiscard]] runtime::Task<Result<ReceivedHead>> receive_request_head(Input& input, const http::HeadLimits& limits,
                                                                       Instant deadline, http::RequestHead& out);
[[nodiscard]] runtime::Task<Result<ReceivedHead>> receive_response_head(Input& input, const http::HeadLimits& limits,
                                                                        http::Method request_method, Instant deadline,
                                                                        http::ResponseHead& out);

}  // namespace sluice::message
