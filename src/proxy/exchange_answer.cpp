#include <array>
#include <string_view>

#include "base/assert.hpp"
#include "http/max_forwards.hpp"
#include "http/status.hpp"
#include "http/trace.hpp"
#include "proxy/exchange.hpp"
#include "proxy/shard.hpp"
#include "route/action.hpp"

// Answers that the configuration or the protocol asks us for, in place of an upstream's.
namespace sluice::proxy {

using runtime::Task;

namespace {

// The methods that are forwarded, RFC 9110 §9.3.7. Others are as well, and unknown to us.
constexpr std::string_view forwarded_methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

}  // namespace

// RFC 9110 §7.6.2: how often the request may go on. False: it was refused.
Task<bool> Exchange::read_max_forwards(bool& is_last) {
  const auto received = http::read_max_forwards(request_);
  if (!received) {
    disposition_ = Disposition::linger;
    co_await reply(http::status_of(received.error()), Reason::bad_request, http::to_string(received.error()));
    co_return false;
  }
  is_last = *received == std::uint64_t{0};
  if (*received && !is_last) max_forwards_ = **received - 1;
  co_return true;
}

// An OPTIONS that may go no further is answered here. False: it has been.
Task<bool> Exchange::answer_options() {
  if (request_.method != http::Method::options) co_return true;
  bool is_last = false;
  if (!co_await read_max_forwards(is_last)) co_return false;
  if (!is_last) co_return true;
  http::Reply options;
  options.status = 200;
  options.allow = forwarded_methods;
  co_await answer(options, {}, Reason::max_forwards);
  co_return false;
}

// So is a TRACE that a route takes, as RFC 9110 §9.3.8 has it.
Task<bool> Exchange::answer_last_trace() {
  bool is_last = false;
  if (!co_await read_max_forwards(is_last)) co_return false;
  if (!is_last) co_return true;
  PooledText memory;
  memory.reserve(http::trace_bytes_max(request_));
  http::Writer body(memory.span());
  http::write_trace(body, request_);
  SLUICE_ASSERT(!body.overflowed());
  http::Reply shown;
  shown.status = 200;
  shown.content_type = "message/http";
  shown.body_bytes = body.size();
  co_await answer(shown, body.text(), Reason::max_forwards);
  co_return false;
}

// Behind a CONNECT may come bytes that are no request.
Task<void> Exchange::refuse_method() {
  disposition_ = Disposition::linger;
  co_await reply(501, Reason::method_refused);
}

Task<void> Exchange::answer_route() {
  if (route_->action == route::Action::redirect) {
    co_await redirect();
    co_return;
  }
  SLUICE_ASSERT(route_->action == route::Action::respond);
  http::Reply fixed;
  fixed.status = route_->response.status;
  fixed.content_type = route_->response.content_type;
  fixed.body_bytes = route_->response.body.size();
  co_await answer(fixed, route_->response.body, Reason::respond);
}

Task<void> Exchange::redirect() {
  const bool is_asterisk = request_.asks_about_server();
  if (route_->redirect.host.empty() && request_.authority.empty()) {
    co_await reply(400, Reason::bad_request, http::to_string(http::Reject::missing_host));
    co_return;
  }
  PooledText memory;
  memory.reserve(route::location_bytes_max(route_->redirect, request_.authority.size() + path_.size() + query_.size()));
  http::Writer location(memory.span());
  route::write_location(
      location, route_->redirect,
      {.scheme = scheme_, .host = request_.host, .path = is_asterisk ? std::string_view("/") : path_, .query = query_});
  SLUICE_ASSERT(!location.overflowed());
  std::array<char, 64> text;
  http::Writer body(text);
  body.append_decimal(static_cast<std::uint64_t>(route_->redirect.status));
  body.append(' ');
  body.append(http::status_reason(route_->redirect.status));
  body.append('\n');
  http::Reply moved;
  moved.status = route_->redirect.status;
  moved.content_type = http::to_string(http::ErrorFormat::text);
  moved.location = location.text();
  moved.body_bytes = body.size();
  co_await answer(moved, body.text(), Reason::redirect);
}

// Sends a whole response: head, and body unless the request is a HEAD.
Task<void> Exchange::answer(http::Reply head, std::string_view body, Reason reason) {
  SLUICE_ASSERT(!is_committed());
  const bool goes_on = client_may_go_on();
  head.date = shard_.date();
  head.request_id = request_id_;
  head.connection = reply_policy(goes_on);
  const http::Variables values = variables(host_.view());
  if (!response_edits().is_empty()) head.changes = {&response_edits(), &values};
  message::Output& output = downstream_.output();
  output.clear();
  Result<void> sent = output.append([&](http::Writer& writer) { http::write_reply_head(writer, head); });
  if (!sent) {
    const bool fits = sent.error().code != ErrorCode::too_large;
    co_await reply(fits ? 503 : 500, fits ? Reason::exhausted : Reason::head_overflow);
    co_return;
  }
  response_head_bytes_ = output.buffered().size();
  reason_ = reason;
  status_ = head.status;
  shard_.counters().own_replies.add();
  if (request_.method != http::Method::head) answer_body_ = body;
  settle();
  sent = co_await output.flush_behind(answer_body_, client_idle_timeout());
  disposition_ = !sent ? Disposition::abort : goes_on ? Disposition::keep_alive : Disposition::linger;
}

http::ConnectionPolicy Exchange::reply_policy(bool goes_on) const {
  if (!goes_on) return http::ConnectionPolicy::close;
  return request_.version == http::Version::http_1_0 ? http::ConnectionPolicy::keep_alive
                                                     : http::ConnectionPolicy::implied;
}

}  // namespace sluice::proxy
