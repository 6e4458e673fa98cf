#include "proxy/exchange.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "message/h1_head.hpp"
#include "message/pump.hpp"
#include "proxy/shard.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upgrade.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

using http::BodyFraming;
using runtime::Task;

// Receives heads until a final one; relays interim ones. False: the upstream ended without one.
Task<Result<bool>> Exchange::receive_response(upstream::Connection& connection) {
  constexpr unsigned interim_max = 16;
  strand_.set_phase("awaiting response head");
  const http::Method method = request_.method;
  const http::HeadLimits limits = terms_->head_limits;  // terms_ may move on while it is awaited
  for (unsigned interim = 0;;) {
    // While the upload makes progress the upstream has no reason to answer; its time runs from the upload's end.
    const Instant from = upload_has_ended() ? std::max(upload_ended_, connected_) : shard_.loop().now();
    const Instant deadline = from + route_->timeouts.first_byte;
    Result<message::ReceivedHead> received =
        co_await message::receive_response_head(connection.input(), limits, method, deadline, response_);
    if (!received) {
      bool upload_goes_on = !upload_has_ended() || upload_ended_ + route_->timeouts.first_byte > shard_.loop().now();
      if (received.error().code == ErrorCode::timed_out && upload_goes_on) continue;
      Error error = received.error();
      if (error.code == ErrorCode::timed_out) reason_ = Reason::upstream_first_byte_timeout;
      error.side = Side::upstream;
      if (error.code == ErrorCode::reset) error.retry = Retry::if_reused;  // it may have gone before it saw the request
      co_return std::unexpected(error);
    }
    if (received->status == http::HeadStatus::partial) {
      if (connection.input().is_empty()) co_return false;
      co_return failure(ErrorCode::closed, Side::upstream);
    }
    if (received->status == http::HeadStatus::rejected) {
      detail_ = http::to_string(received->reject);
      co_return failure(ErrorCode::malformed, Side::upstream);
    }
    // RFC 9110 §15.2.2: only to what the request asked for.
    if (response_.status == 101 && !grants_upgrade(response_, upgrade_)) {
      co_return failure(ErrorCode::malformed, Side::upstream);
    }
    if (!response_.is_interim()) co_return true;
    if (++interim > interim_max) co_return failure(ErrorCode::malformed, Side::upstream);
    if (Result<void> relayed = co_await relay_interim(); !relayed) co_return std::unexpected(relayed.error());
    connection.input().release();
  }
}

Task<Result<void>> Exchange::relay_interim() {
  // RFC 9110 §15.2: a client of HTTP/1.0 must not be sent one.
  if (request_.version == http::Version::http_1_0) co_return Result<void>();
  http::ResponseForward forward;
  forward.request_id = request_id_;
  Result<void> written =
      downstream_.output().append([&](http::Writer& writer) { http::write_response_head(writer, response_, forward); });
  if (written) written = co_await downstream_.output().flush(client_idle_timeout());
  if (!written) {
    written.error().side = Side::downstream;
    co_return written;
  }
  sent_before_ = downstream_.stream().bytes_sent();  // an interim response commits to nothing
  co_return Result<void>();
}

BodyFraming Exchange::response_framing() const {
  const bool is_old = request_.version == http::Version::http_1_0;
  switch (response_.framing.kind) {
    case BodyFraming::Kind::none:
    case BodyFraming::Kind::length:
      return response_.framing;
    case BodyFraming::Kind::chunked:
    case BodyFraming::Kind::until_close:
      return is_old ? BodyFraming::until_close() : BodyFraming::chunked();
  }
  return response_.framing;
}

bool Exchange::client_may_go_on() const {
  const std::optional<std::uint64_t> requests_max = terms_->limits.max_requests;
  return request_.keep_alive && request_body_ && request_body_->is_done() && upload_has_ended() &&
         downstream_.may_go_on() && !(requests_max && downstream_.requests() >= *requests_max);
}

http::ConnectionPolicy Exchange::connection_policy(const BodyFraming& framing) {
  const bool goes_on = client_may_go_on() && framing.kind != BodyFraming::Kind::until_close;
  disposition_ = goes_on ? Disposition::keep_alive : Disposition::close;
  if (!goes_on) return http::ConnectionPolicy::close;
  return request_.version == http::Version::http_1_0 ? http::ConnectionPolicy::keep_alive
                                                     : http::ConnectionPolicy::implied;
}

// HTML §9.2, server-sent events: they come when there is something to tell. Such a stream waits for its next bytes as
// long as a tunnel would.
Duration Exchange::response_idle_timeout() const {
  const route::Timeouts& timeouts = route_->timeouts;
  if (response_.framing.kind == BodyFraming::Kind::length) return timeouts.idle;
  const http::Field* type = response_.fields.find(http::FieldId::content_type);
  if (type == nullptr) return timeouts.idle;
  const std::string_view media_type = ascii::trim_ows(type->value.substr(0, type->value.find(';')));
  const bool is_event_stream = ascii::equals_ignoring_case(media_type, "text/event-stream");
  return is_event_stream ? std::max(timeouts.idle, timeouts.tunnel) : timeouts.idle;
}

Task<void> Exchange::deliver(upstream::Connection& connection) {
  strand_.set_phase("delivering response");
  log_.first_byte = shard_.loop().now() - connected_;
  status_ = response_.status;
  http::ResponseForward forward;
  forward.date = shard_.date();
  forward.request_id = request_id_;
  forward.framing = response_framing();
  forward.connection = connection_policy(forward.framing);
  // RFC 9110 §15.5.22: the protocols that the endpoint wants instead go with a 426.
  const bool tells_protocols = response_.status == 426 && names_upgrade(response_, route_->upgrade);
  if (tells_protocols && forward.connection == http::ConnectionPolicy::implied) {
    forward.connection = http::ConnectionPolicy::upgrade;
  }
  const http::Variables values = variables(host_.view());
  if (!response_edits().is_empty()) forward.changes = {&response_edits(), &values};
  is_close_delimited_ = forward.framing.kind == BodyFraming::Kind::until_close;
  message::Output& output = downstream_.output();
  Result<void> result = output.append([&](http::Writer& writer) {
    http::write_response_head(writer, response_, forward);
    response_head_bytes_ = writer.size();
  });
  const bool head_fits = result || result.error().code != ErrorCode::too_large;
  const bool upstream_goes_on = response_.keep_alive;
  message::H1BodySource source(connection.input(), Side::upstream, response_.framing, terms_->limits.trailer_bytes,
                               response_idle_timeout());
  if (result) {
    message::H1BodySink sink(output, Side::downstream, forward.framing, client_idle_timeout());
    if (disposition_ == Disposition::close) sink.closes_behind();
    if (source.is_done()) {
      result = co_await sink.end(source.trailers());
    } else {
      const message::PumpSettings settings{shard_.settings().splice_threshold, response_idle_timeout()};
      result = co_await message::pump(source, sink, shard_.pipes(), settings);
    }
  }

  const bool upload_was_whole = upload_has_ended() && upload_result_ && request_body_->is_done();
  uploads_.cancel();
  co_await uploads_.join();
  if (disposition_ == Disposition::close && !request_body_->is_done()) disposition_ = Disposition::linger;
  if (!result && source.reject() != http::Reject::none) detail_ = http::to_string(source.reject());
  connection.endpoint().note_response(source.has_been_raw());
  co_await release(connection, result && source.is_done() && upstream_goes_on && upload_was_whole);
  if (result) co_return;
  if (!head_fits) {
    co_await reply(502, Reason::head_overflow);
  } else if (client_broke_upload()) {
    co_await fail_request_body();
  } else if (result.error().side == Side::downstream) {
    give_up_client(result.error().code == ErrorCode::timed_out ? Reason::client_stalled : Reason::client_closed);
  } else {
    if (result.error().code == ErrorCode::timed_out) reason_ = Reason::upstream_idle_timeout;
    co_await fail_upstream(result.error());
  }
}

// The 101 goes on, and with it both connections leave the exchange: what a tunnel needs for hours is little of it.
Task<void> Exchange::become_tunnel(upstream::Connection& connection) {
  strand_.set_phase("delivering response");
  log_.first_byte = shard_.loop().now() - connected_;
  status_ = response_.status;
  downstream_.begin_tunnel();
  http::ResponseForward forward;
  forward.date = shard_.date();
  forward.request_id = request_id_;
  forward.connection = http::ConnectionPolicy::upgrade;
  const http::Variables values = variables(host_.view());
  if (!response_edits().is_empty()) forward.changes = {&response_edits(), &values};
  Result<void> sent =
      downstream_.output().append([&](http::Writer& writer) { http::write_response_head(writer, response_, forward); });
  if (sent) sent = co_await downstream_.output().flush(client_idle_timeout());
  if (!sent) {
    co_await release(connection, false);
    if (sent.error().code == ErrorCode::exhausted || sent.error().code == ErrorCode::too_large) {
      sent.error().side = Side::upstream;
      co_await fail_upstream(sent.error());
    } else {
      give_up_client(sent.error().code == ErrorCode::timed_out ? Reason::client_stalled : Reason::client_closed);
    }
    co_return;
  }
  connection.input().release();
  complete_log_entry();
  downstream_.set_tunnel(
      std::make_unique<Tunnel>(shard_, downstream_, connection, log_, sent_before_, started_, *route_));
  disposition_ = Disposition::tunnel;
}

Task<void> Exchange::release(upstream::Connection& connection, bool can_be_kept) {
  // Bytes behind the response are nobody's.
  if (can_be_kept && connection.input().is_empty() && !strand_.is_cancelled()) {
    connection.endpoint().keep(connection, connection.is_private() ? &downstream_.make_own_connections() : nullptr);
    co_return;
  }
  co_await connection.endpoint().discard(connection);
}

}  // namespace sluice::proxy
