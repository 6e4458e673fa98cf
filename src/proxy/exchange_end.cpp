#include "proxy/exchange.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "http/reply.hpp"
#include "proxy/census.hpp"
#include "proxy/shard.hpp"
#include "proxy/shard_listener.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

using runtime::Task;

// No head went upstream. That it does not fit is the client's business: it sent most of it.
Task<void> Exchange::fail_attempt(Error error) {
  if (error.code == ErrorCode::too_large) {
    co_await reply(431, Reason::head_overflow);
  } else {
    co_await fail_upstream(error);
  }
}

// The upstream side failed. reason_ is set already where a timeout has to be told apart.
Task<void> Exchange::fail_upstream(Error error) {
  if (strand_.is_cancelled() || error.side == Side::downstream) {
    give_up_client(Reason::client_closed);
    co_return;
  }
  shard_.counters().upstream_failures.add();
  int status = 502;
  Reason reason = reason_;
  switch (error.code) {
    case ErrorCode::timed_out:
      status = 504;
      if (reason == Reason::none) reason = Reason::upstream_idle_timeout;
      break;
    case ErrorCode::exhausted:
      status = 503;
      reason = Reason::exhausted;
      break;
    case ErrorCode::refused:
    case ErrorCode::unreachable:
      status = 503;  // the last one tried never had it; a 502 speaks of one that did
      reason = Reason::upstream_refused;
      break;
    case ErrorCode::malformed:
    case ErrorCode::too_large:
    case ErrorCode::unsupported:
      reason = Reason::upstream_malformed;
      break;
    case ErrorCode::reset:
      reason = Reason::upstream_reset;
      break;
    case ErrorCode::closed:
    case ErrorCode::cancelled:
    case ErrorCode::system:
      reason = Reason::upstream_closed;
      break;
  }
  upstream_cells().failures[static_cast<std::size_t>(reason)].add();
  if (reason != Reason::exhausted) endpoint_->cells().failures.add();
  co_await reply(status, reason, detail_);
}

// The client side failed within the request body.
Task<void> Exchange::fail_request_body() {
  switch (upload_result_.error().code) {
    case ErrorCode::malformed:
      disposition_ = Disposition::linger;
      co_await reply(http::status_of(request_body_->reject()), Reason::bad_body,
                     http::to_string(request_body_->reject()));
      break;
    case ErrorCode::timed_out:
      co_await reply(408, request_pace_.has_fallen_behind() ? Reason::body_too_slow : Reason::body_timeout);
      break;
    case ErrorCode::too_large:
      disposition_ = Disposition::linger;
      co_await reply(413, Reason::body_too_large);
      break;
    default:
      give_up_client(Reason::client_closed);
  }
}

// Answers instead of the upstream, or breaks the response off if it has begun.
Task<void> Exchange::reply(int status, Reason reason, std::string_view detail) {
  reason_ = reason;
  detail_ = detail;
  settle();
  if (is_committed()) {
    shard_.counters().aborted_responses.add();
    // What came goes on; the missing end tells the client that it is not all, unless nothing but the end would.
    Result<void> sent = co_await downstream_.output().flush(client_idle_timeout());
    disposition_ = sent && !is_close_delimited_ ? Disposition::linger : Disposition::abort;
    co_return;
  }
  status_ = status;
  shard_.counters().own_replies.add();
  downstream_.output().clear();
  const bool goes_on = disposition_ != Disposition::linger && client_may_go_on();
  http::ErrorReply error_reply;
  error_reply.status = status;
  error_reply.date = shard_.date();
  error_reply.request_id = request_id_;
  error_reply.reason = to_string(reason);
  error_reply.detail = detail;
  error_reply.connection = reply_policy(goes_on);
  error_reply.format = http::choose_error_format(accept_.view());
  error_reply.omits_body = request_.method == http::Method::head;
  // What is short of room now will hardly be for long. When an endpoint will be there again, nobody here knows.
  if (reason == Reason::exhausted) error_reply.retry_after_s = 1;
  Result<void> sent = co_await send_error(error_reply);
  disposition_ = !sent ? Disposition::abort : goes_on ? Disposition::keep_alive : Disposition::linger;
}

Task<Result<void>> Exchange::send_error(http::ErrorReply error_reply) {
  if (!response_edits().is_empty()) {
    const http::Variables values = variables(host_.view());
    error_reply.changes = {&response_edits(), &values};
    message::Output& output = downstream_.output();
    if (output.append([&](http::Writer& writer) { http::write_error_reply(writer, error_reply); })) {
      response_head_bytes_ = output.buffered().find("\r\n\r\n") + 4;
      co_return co_await output.flush(client_idle_timeout());
    }
    error_reply.changes = {};
  }
  // In memory of its own: it may have to say that there is no buffer left.
  std::array<char, http::error_reply_bytes_max> memory;
  http::Writer writer(memory);
  http::write_error_reply(writer, error_reply);
  SLUICE_ASSERT(!writer.overflowed());
  response_head_bytes_ = writer.text().find("\r\n\r\n") + 4;
  co_return co_await downstream_.stream().write(writer.text(), client_idle_timeout());
}

// Nobody is there to be answered.
void Exchange::give_up_client(Reason reason) {
  disposition_ = Disposition::abort;
  if (strand_.is_cancelled() && !downstream_.is_client_gone()) {
    reason_ = Reason::shutdown;
    if (status_ == 0) status_ = 503;
    return;
  }
  reason_ = reason;
  status_ = 499;
  shard_.counters().client_gone.add();
}

void Exchange::take_new_snapshot() {
  switch (course_) {
    case Course::open:
      snapshot_ = shard_.snapshots().lease();
      upstreams_ = shard_.upstreams().view();
      terms_ = &*snapshot_;
      break;
    case Course::choosing:
      break;
    case Course::settled:
      if (snapshot_) let_go();
      break;
  }
}

void Exchange::settle() {
  course_ = Course::settled;
  if (snapshot_ && !snapshot_.is_current()) [[unlikely]]
    let_go();
}

void Exchange::let_go() {
  remnant_ = shard_.remnants().keep(snapshot_, route_);
  terms_ = &remnant_->terms;
  if (route_ != nullptr) {
    const route::Route& route = remnant_->route;
    if (!upgrade_.empty()) upgrade_ = *std::ranges::find(route.upgrade, upgrade_);
    if (reason_ == Reason::respond && !answer_body_.empty()) answer_body_ = route.response.body;
    route_ = &route;
  }
  upstreams_.reset();
  snapshot_.reset();
}

UpstreamCells& Exchange::upstream_cells() const { return shard_.counters().meters.upstreams.at(route_->upstream_slot); }

void Exchange::note_repetition() {
  shard_.counters().retries.add();
  upstream_cells().retries.add();
}

void Exchange::describe(ConnectionRow& row, Instant now) const {
  row.exchange_age = now - started_;
  row.is_uploading = uploads_.has_children();
  row.request_id.assign(request_id_);
  if (request_body_) row.request_bytes = request_body_->payload_bytes();
  row.response_bytes = downstream_.stream().bytes_sent() - sent_before_;
  if (route_ != nullptr) row.route.assign(route_->name);
  if (upstream_) row.upstream.assign(upstream_->name());
  if (endpoint_) row.endpoint.assign(endpoint_->name());
}

void Exchange::count() {
  if (request_body_) log_.request_bytes = request_body_->payload_bytes();
  log_.response_bytes = downstream_.stream().bytes_sent() - sent_before_;
  log_.total = shard_.loop().now() - started_;
  ShardCounters& counters = shard_.counters();
  if (status_ < 400) {
    counters.responses_2xx_3xx.add();
  } else if (status_ < 500) {
    counters.responses_4xx.add();
  } else {
    counters.responses_5xx.add();
  }
  if (reason_ != Reason::none) counters.reasons[static_cast<std::size_t>(reason_)].add();
  ListenerCells& listener = counters.meters.listeners.at(downstream_.listener().slot());
  listener.requests.add();
  class_of(listener.responses, status_).add();
  if (route_ == nullptr) return;
  RouteCells& route = counters.meters.routes.at(route_->slot);
  class_of(route.responses, status_).add();
  route.request_bytes.add(log_.request_bytes);
  route.response_bytes.add(log_.response_bytes);
  route.duration.add(log_.total);
}

void Exchange::complete_log_entry() {
  log_.unix_ms = unix_ms_;
  log_.shard = shard_.index();
  log_.listener = downstream_.listener().name();
  log_.client = client_;
  if (peer_ != client_) log_.peer = peer_;
  log_.request_id = request_id_;
  log_.status = status_;
  if (route_ != nullptr) log_.route = route_->name;
  if (upstream_) log_.upstream = upstream_->name();
  if (endpoint_) log_.endpoint = endpoint_->name();
  log_.attempts = attempts_;
  log_.is_upstream_reused = is_reused_;
  log_.body_bytes = log_.response_bytes - std::min(log_.response_bytes, response_head_bytes_);
  if (reason_ != Reason::none) log_.reason = to_string(reason_);
  log_.detail = detail_;
}

}  // namespace sluice::proxy
