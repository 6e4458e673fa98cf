#include "message/h1_head.hpp"

namespace sluice::message {

using runtime::Task;

namespace {

// parse(bytes, already_seen): one attempt at the head.
template <class Parse>
Task<Result<ReceivedHead>> receive_head(Input& input, Instant deadline, Parse parse) {
  std::size_t already_seen = 0;
  if (input.is_empty()) {
    Result<bool> filled = input.took(co_await input.arrival(deadline));
    if (Input::ran_short(filled)) filled = co_await input.fill_own(deadline);
    if (!filled) co_return std::unexpected(filled.error());
    if (!*filled) co_return ReceivedHead{};
  }
  for (;;) {
    http::HeadResult result = parse(input.bytes(), already_seen);
    switch (result.status) {
      case http::HeadStatus::complete:
        input.consume(result.consumed);
        co_return ReceivedHead{http::HeadStatus::complete, http::Reject::none};
      case http::HeadStatus::rejected:
        co_return ReceivedHead{http::HeadStatus::rejected, result.reject};
      case http::HeadStatus::partial:
        break;
    }
    already_seen = input.bytes().size();
    Result<bool> more = co_await input.gather(deadline);
    if (!more && more.error().code == ErrorCode::too_large) {
      co_return ReceivedHead{http::HeadStatus::rejected, http::Reject::head_too_large};
    }
    if (!more) co_return std::unexpected(more.error());
    if (!*more) co_return ReceivedHead{};
  }
}

}  // namespace

Task<Result<ReceivedHead>> receive_request_head(Input& input, const http::HeadLimits& limits, Instant deadline,
                                                http::RequestHead& out) {
  return receive_head(input, deadline, [&limits, &out](std::string_view bytes, std::size_t already_seen) {
    return http::parse_request_head(bytes, already_seen, limits, out);
  });
}

Task<Result<ReceivedHead>> receive_response_head(Input& input, const http::HeadLimits& limits,
                                                 http::Method request_method, Instant deadline,
                                                 http::ResponseHead& out) {
  return receive_head(input, deadline,
                      [&limits, request_method, &out](std::string_view bytes, std::size_t already_seen) {
                        return http::parse_response_head(bytes, already_seen, limits, request_method, out);
                      });
}

}  // namespace sluice::message
