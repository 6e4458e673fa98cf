#include "proxy/exchange.hpp"

#include <array>
#include <cstring>
#include <optional>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "http/request_id.hpp"
#include "http/writer.hpp"
#include "message/h1_body.hpp"
#include "message/h1_head.hpp"
#include "message/pump.hpp"
#include "proxy/access_log.hpp"
#include "proxy/pooled_text.hpp"
#include "proxy/reason.hpp"
#include "proxy/shard.hpp"
#include "runtime/scope.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

using http::BodyFraming;
using runtime::Task;

namespace {

// How the response of an attempt came out.
enum class Attempt : std::uint8_t {
  done,   // the client has its response, from the upstream or from us
  retry,  // nothing has happened yet that could not happen again: once more, on another connection
};

// What: one request and its response.
// Shard: one. Lifetime: within serve_exchange().
// Invariants: outcome_ is set exactly once. connection_ is set while an upstream connection is ours.
class Exchange {
 public:
  Exchange(Shard& shard, Downstream& downstream, runtime::Strand& strand)
      : shard_(shard),
        downstream_(downstream),
        strand_(strand),
        snapshot_(shard.snapshots().lease()),
        started_(shard.loop().now()),
        unix_ms_(shard.unix_ms()),
        sent_before_(downstream.output().bytes_sent()),
        uploads_(strand) {}

  Task<Disposition> run();

 private:
  // The request.
  Task<bool> receive_request();
  Task<bool> find_route();
  void note_request();
  // The attempts.
  Task<void> forward();
  Task<Result<upstream::Connection*>> acquire(upstream::Endpoint& endpoint, bool may_reuse);
  Task<Attempt> attempt(upstream::Connection& connection);
  Result<void> write_request_head(upstream::Connection& connection);
  bool may_repeat() const;
  // The request body.
  Task<void> upload(upstream::Connection& connection);
  bool upload_has_ended() const { return !uploads_.has_children(); }
  // The client failed within its body; an upload that we cancelled ourselves does not count.
  bool client_broke_upload() const {
    return !upload_result_ && upload_result_.error().side == Side::downstream &&
           upload_result_.error().code != ErrorCode::cancelled;
  }
  // The response.
  Task<Result<bool>> receive_response(upstream::Connection& connection);
  Task<Result<void>> relay_interim();
  Task<void> deliver(upstream::Connection& connection);
  BodyFraming response_framing() const;
  http::ConnectionPolicy connection_policy(const BodyFraming& framing);
  Task<void> release(upstream::Connection& connection, bool can_be_kept);
  // The ends.
  Task<void> fail_upstream(Error error);
  Task<void> fail_request_body();
  Task<void> reply(int status, Reason reason, std::string_view detail = {});
  void give_up_client(Reason reason);
  bool is_committed() const { return downstream_.output().bytes_sent() != sent_before_; }
  bool client_may_go_on() const;
  void write_log();

  Shard& shard_;
  Downstream& downstream_;
  runtime::Strand& strand_;
  SnapshotReader::Lease snapshot_;
  const route::Route* route_ = nullptr;
  upstream::Upstream* upstream_ = nullptr;
  const upstream::Endpoint* endpoint_ = nullptr;

  Instant started_;
  Instant connected_;     // valid once attempts_ > 0 and a connection was had
  Instant responded_;     // valid once response_.status is set by an upstream
  Instant upload_ended_;  // valid once the upload has ended
  std::int64_t unix_ms_;
  std::uint64_t sent_before_;
  bool is_reused_ = false;
  bool is_close_delimited_ = false;  // the response, towards the client
  unsigned attempts_ = 0;
  Duration connect_time_{-1};
  Duration first_byte_time_{-1};

  int status_ = 0;
  Reason reason_ = Reason::none;
  std::string_view detail_;
  Disposition disposition_ = Disposition::close;

  std::array<char, http::request_id_bytes> request_id_;
  std::array<char, net::Address::text_bytes_max> client_text_;
  std::string_view client_;
  PooledText kept_head_;    // what we sent upstream, for repeating it
  PooledText path_memory_;  // the normalised path, where it is not the received one
  std::string_view path_;
  PooledText log_memory_;
  AccessLogEntry log_;

  std::optional<message::H1BodySource> request_body_;
  Result<void> upload_result_;
  runtime::Scope uploads_;
  http::RequestHead request_;
  http::ResponseHead response_;
};

Task<Disposition> Exchange::run() {
  strand_.set_phase("receiving request head");
  client_ = downstream_.client().write_host(client_text_.data());
  (void)http::format_request_id(static_cast<std::uint64_t>(unix_ms_),
                                static_cast<std::uint16_t>(shard_.loop().random().next()),
                                shard_.loop().random().next(), request_id_);
  if (co_await receive_request() && co_await find_route()) co_await forward();
  SLUICE_ASSERT(!uploads_.has_children());
  write_log();
  co_return disposition_;
}

// ---- the request ----

Task<bool> Exchange::receive_request() {
  const Instant deadline = started_ + snapshot_->timeouts.head;
  Result<message::ReceivedHead> received =
      co_await message::receive_request_head(downstream_.input(), snapshot_->head_limits, deadline, request_);
  shard_.counters().requests.add();
  if (!received) {
    switch (received.error().code) {
      case ErrorCode::timed_out:
        co_await reply(408, Reason::head_timeout);
        break;
      case ErrorCode::exhausted:
        co_await reply(503, Reason::exhausted);
        break;
      default:
        give_up_client(Reason::client_closed);
    }
    co_return false;
  }
  if (received->status == http::HeadStatus::partial) {
    give_up_client(Reason::client_closed);
    co_return false;
  }
  if (received->status == http::HeadStatus::rejected) {
    disposition_ = Disposition::linger;
    co_await reply(http::status_of(received->reject), Reason::bad_request, http::to_string(received->reject));
    co_return false;
  }
  request_body_.emplace(downstream_.input(), Side::downstream, request_.framing, snapshot_->limits.trailer_bytes,
                        snapshot_->timeouts.idle);
  note_request();
  co_return true;
}

// Keeps what the log wants to know of the head, whose bytes go back to the kernel before the exchange ends.
void Exchange::note_request() {
  if (!shard_.is_logging()) return;
  std::string_view user_agent = request_.fields.value_of(http::FieldId::user_agent).value_or(std::string_view());
  log_.protocol = http::to_string(request_.version);
  PooledText::Copier copier(log_memory_, request_.method_text.size() + request_.target.size() +
                                             request_.authority.size() + user_agent.size());
  log_.method = copier.copy(request_.method_text);
  log_.target = copier.copy(request_.target);
  log_.host = copier.copy(request_.authority);
  log_.user_agent = copier.copy(user_agent);
}

Task<bool> Exchange::find_route() {
  if (request_.method == http::Method::connect || request_.method == http::Method::trace) {
    disposition_ = Disposition::linger;  // behind a CONNECT may come bytes that are no request
    co_await reply(501, Reason::method_refused);
    co_return false;
  }
  std::string_view match_path = "/";
  path_ = request_.path;
  if (request_.target_form != http::TargetForm::asterisk) {
    path_memory_.reserve(request_.path.size());
    auto normalized = http::normalize_path(request_.path, path_memory_.span());
    if (!normalized) {
      co_await reply(400, Reason::bad_path, http::to_string(normalized.error()));
      co_return false;
    }
    path_ = match_path = *normalized;
  }
  std::array<char, http::host_bytes_max> host_memory;
  std::string_view host = http::lower_host(request_.host.host, host_memory);
  route_ = snapshot_->routes.match(host, match_path);
  if (route_ == nullptr) {
    co_await reply(404, Reason::no_route);
    co_return false;
  }
  if (!route_->strip_prefix.empty()) path_ = route::strip_prefix(path_, route_->strip_prefix);
  upstream_ = &shard_.upstream(route_->upstream);
  co_return true;
}

// ---- the attempts ----

Task<void> Exchange::forward() {
  std::uint64_t tried = 0;
  bool may_reuse = true;
  const unsigned attempts_max =
      static_cast<unsigned>(upstream_->size()) + 1;  // each endpoint, and one stale connection
  for (;;) {
    upstream::Endpoint* endpoint = upstream_->pick(tried);
    SLUICE_ASSERT(endpoint != nullptr);
    endpoint_ = endpoint;
    ++attempts_;
    Result<upstream::Connection*> connection = co_await acquire(*endpoint, may_reuse);
    if (!connection) {
      shard_.counters().upstream_failures.add();
      std::size_t index = upstream_->index_of(*endpoint);
      if (index < 64) tried |= std::uint64_t{1} << index;
      bool is_ours = connection.error().code == ErrorCode::cancelled || connection.error().code == ErrorCode::exhausted;
      if (is_ours || attempts_ >= attempts_max || upstream_->pick(tried) == nullptr) {
        co_await fail_upstream(connection.error());
        co_return;
      }
      shard_.counters().retries.add();
      continue;
    }
    if (co_await attempt(**connection) == Attempt::done) co_return;
    shard_.counters().retries.add();
    may_reuse = false;
  }
}

Task<Result<upstream::Connection*>> Exchange::acquire(upstream::Endpoint& endpoint, bool may_reuse) {
  if (may_reuse) {
    if (upstream::Connection* idle = endpoint.take_idle()) {
      shard_.counters().upstream_reuses.add();
      connected_ = shard_.loop().now();
      connect_time_ = connected_ - started_;
      is_reused_ = true;
      co_return idle;
    }
  }
  strand_.set_phase("connecting upstream");
  is_reused_ = false;
  Result<upstream::Connection*> connection = co_await endpoint.connect(route_->timeouts.connect);
  if (!connection && connection.error().code == ErrorCode::timed_out) reason_ = Reason::upstream_connect_timeout;
  if (connection) {
    reason_ = Reason::none;  // an earlier endpoint's
    shard_.counters().upstream_connects.add();
    connected_ = shard_.loop().now();
    connect_time_ = connected_ - started_;
  }
  co_return connection;
}

Task<Attempt> Exchange::attempt(upstream::Connection& connection) {
  Result<void> written = write_request_head(connection);
  if (!written) {
    co_await release(connection, false);
    co_await fail_upstream(written.error());
    co_return Attempt::done;
  }
  if (connection.is_reused() && may_repeat()) kept_head_.assign(connection.output().buffered());
  downstream_.input().release();

  Result<bool> has_response = true;
  if (!request_body_->is_done()) {
    strand_.set_phase("uploading");
    upload_result_ = {};
    uploads_.spawn("upload", upload(connection));
    downstream_.input().release();
  } else if (Result<void> sent = co_await connection.output().flush(route_->timeouts.idle); !sent) {
    sent.error().side = Side::upstream;
    has_response = std::unexpected(sent.error());
  } else {
    upload_ended_ = shard_.loop().now();
  }
  if (has_response) has_response = co_await receive_response(connection);
  if (has_response && *has_response) {
    co_await deliver(connection);
    co_return Attempt::done;
  }

  // No response: the request body's own failure is the first cause, if there was one.
  uploads_.cancel();
  co_await uploads_.join();
  const bool is_repeatable = connection.is_reused() && may_repeat() && !strand_.is_cancelled() && !is_committed() &&
                             (has_response || has_response.error().code == ErrorCode::reset);
  co_await release(connection, false);
  if (client_broke_upload()) {
    co_await fail_request_body();
  } else if (is_repeatable) {
    co_return Attempt::retry;
  } else {
    co_await fail_upstream(has_response ? Error{ErrorCode::closed, Side::upstream, Retry::never, 0}
                                        : has_response.error());
  }
  co_return Attempt::done;
}

// A request may be sent again on a fresh connection if the stale one cannot have had an effect that a second one adds
// to (RFC 9110 §9.2.2), and if nothing of it has been consumed.
bool Exchange::may_repeat() const {
  switch (request_.method) {
    case http::Method::get:
    case http::Method::head:
    case http::Method::options:
    case http::Method::put:
    case http::Method::delete_:
      return !request_.framing.has_body();
    default:
      return false;
  }
}

Result<void> Exchange::write_request_head(upstream::Connection& connection) {
  // On the second attempt the received head is gone, and what was made of it is sent again.
  if (attempts_ > 1 && !kept_head_.view().empty()) {
    return connection.output().append([this](http::Writer& writer) { writer.append(kept_head_.view()); });
  }
  http::RequestForward forward;
  forward.path = path_;
  forward.query = request_.query;
  forward.host = request_.authority.empty() ? std::string_view(connection.endpoint().name()) : request_.authority;
  forward.client_address = client_;
  forward.scheme = "http";
  forward.request_id = {request_id_.data(), request_id_.size()};
  forward.framing = request_.framing;
  return connection.output().append([&](http::Writer& writer) { http::write_request_head(writer, request_, forward); });
}

// ---- the request body ----

Task<void> Exchange::upload(upstream::Connection& connection) {
  message::H1BodySink sink(connection.output(), Side::upstream, request_.framing, route_->timeouts.idle);
  const message::PumpSettings settings{shard_.settings().splice_threshold, route_->timeouts.idle};
  upload_result_ = co_await message::pump(*request_body_, sink, shard_.pipes(), settings);
  upload_ended_ = shard_.loop().now();
  if (upload_result_) {
    // From here on the client is watched: a splice has stopped its receive.
    downstream_.input().release();
    downstream_.stream().start_receiving();
  } else if (upload_result_.error().side == Side::downstream) {
    // Wakes whoever waits for a response that cannot come any more.
    connection.stream().shut_down();
  }
}

// ---- the response ----

// Receives heads until a final one; relays interim ones. False: the upstream ended without one.
Task<Result<bool>> Exchange::receive_response(upstream::Connection& connection) {
  constexpr unsigned interim_max = 16;
  strand_.set_phase("awaiting response head");
  const http::Method method = request_.method;
  for (unsigned interim = 0; interim <= interim_max;) {
    // While the upload makes progress the upstream has no reason to answer; its time runs from the upload's end.
    const Instant from = upload_has_ended() ? std::max(upload_ended_, connected_) : shard_.loop().now();
    const Instant deadline = from + route_->timeouts.first_byte;
    Result<message::ReceivedHead> received = co_await message::receive_response_head(
        connection.input(), snapshot_->head_limits, method, deadline, response_);
    if (!received) {
      bool upload_goes_on = !upload_has_ended() || upload_ended_ + route_->timeouts.first_byte > shard_.loop().now();
      if (received.error().code == ErrorCode::timed_out && upload_goes_on) continue;
      Error error = received.error();
      if (error.code == ErrorCode::timed_out) reason_ = Reason::upstream_first_byte_timeout;
      error.side = Side::upstream;
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
    // Nothing that we forwarded asked for a change of protocol.
    if (response_.status == 101) co_return failure(ErrorCode::malformed, Side::upstream);
    if (!response_.is_interim()) co_return true;
    if (Result<void> relayed = co_await relay_interim(); !relayed) co_return std::unexpected(relayed.error());
    connection.input().release();
    ++interim;
  }
  co_return failure(ErrorCode::malformed, Side::upstream);
}

Task<Result<void>> Exchange::relay_interim() {
  // RFC 9110 §15.2: a client of HTTP/1.0 must not be sent one.
  if (request_.version == http::Version::http_1_0) co_return Result<void>();
  http::ResponseForward forward;
  forward.request_id = {request_id_.data(), request_id_.size()};
  Result<void> written =
      downstream_.output().append([&](http::Writer& writer) { http::write_response_head(writer, response_, forward); });
  if (written) written = co_await downstream_.output().flush(snapshot_->timeouts.idle);
  if (!written) {
    written.error().side = Side::downstream;
    co_return written;
  }
  sent_before_ = downstream_.output().bytes_sent();  // an interim response commits to nothing
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
  const std::optional<std::uint64_t>& requests_max = snapshot_->limits.max_requests;
  return request_.keep_alive && request_body_ && request_body_->is_done() && upload_has_ended() &&
         !shard_.is_draining() && !(requests_max && downstream_.requests() >= *requests_max);
}

http::ConnectionPolicy Exchange::connection_policy(const BodyFraming& framing) {
  const bool goes_on = client_may_go_on() && framing.kind != BodyFraming::Kind::until_close;
  disposition_ = goes_on ? Disposition::keep_alive : Disposition::close;
  if (!goes_on) return http::ConnectionPolicy::close;
  return request_.version == http::Version::http_1_0 ? http::ConnectionPolicy::keep_alive
                                                     : http::ConnectionPolicy::implied;
}

Task<void> Exchange::deliver(upstream::Connection& connection) {
  strand_.set_phase("delivering response");
  first_byte_time_ = shard_.loop().now() - connected_;
  status_ = response_.status;
  http::ResponseForward forward;
  forward.date = shard_.date();
  forward.request_id = {request_id_.data(), request_id_.size()};
  forward.framing = response_framing();
  forward.connection = connection_policy(forward.framing);
  is_close_delimited_ = forward.framing.kind == BodyFraming::Kind::until_close;
  message::Output& output = downstream_.output();
  Result<void> result =
      output.append([&](http::Writer& writer) { http::write_response_head(writer, response_, forward); });
  const bool upstream_goes_on = response_.keep_alive;
  message::H1BodySource source(connection.input(), Side::upstream, response_.framing, snapshot_->limits.trailer_bytes,
                               route_->timeouts.idle);
  if (result) {
    message::H1BodySink sink(output, Side::downstream, forward.framing, snapshot_->timeouts.idle);
    if (source.is_done()) {
      result = co_await sink.end(source.trailers());
    } else {
      const message::PumpSettings settings{shard_.settings().splice_threshold, route_->timeouts.idle};
      result = co_await message::pump(source, sink, shard_.pipes(), settings);
    }
  }

  const bool upload_was_whole = upload_has_ended() && upload_result_ && request_body_->is_done();
  uploads_.cancel();
  co_await uploads_.join();
  if (disposition_ == Disposition::close && !request_body_->is_done()) disposition_ = Disposition::linger;
  if (!result && source.reject() != http::Reject::none) detail_ = http::to_string(source.reject());
  co_await release(connection, result && source.is_done() && upstream_goes_on && upload_was_whole);
  if (result) co_return;
  if (client_broke_upload()) {
    co_await fail_request_body();
  } else if (result.error().side == Side::downstream) {
    give_up_client(result.error().code == ErrorCode::timed_out ? Reason::client_stalled : Reason::client_closed);
  } else {
    if (result.error().code == ErrorCode::timed_out) reason_ = Reason::upstream_idle_timeout;
    co_await fail_upstream(result.error());
  }
}

Task<void> Exchange::release(upstream::Connection& connection, bool can_be_kept) {
  // Bytes behind the response are nobody's.
  if (can_be_kept && connection.input().is_empty() && !strand_.is_cancelled()) {
    connection.endpoint().keep(connection);
    co_return;
  }
  co_await connection.endpoint().discard(connection);
}

// ---- the ends ----

// The upstream side failed. reason_ is set already where a timeout has to be told apart.
Task<void> Exchange::fail_upstream(Error error) {
  if (strand_.is_cancelled() || error.side == Side::downstream) {
    give_up_client(Reason::client_closed);
    co_return;
  }
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
      co_await reply(408, Reason::body_timeout);
      break;
    default:
      give_up_client(Reason::client_closed);
  }
}

// Answers instead of the upstream, or breaks the response off if it has begun.
Task<void> Exchange::reply(int status, Reason reason, std::string_view detail) {
  reason_ = reason;
  detail_ = detail;
  if (is_committed()) {
    shard_.counters().aborted_responses.add();
    // What came goes on; the missing end tells the client that it is not all, unless nothing but the end would.
    Result<void> sent = co_await downstream_.output().flush(snapshot_->timeouts.idle);
    disposition_ = sent && !is_close_delimited_ ? Disposition::linger : Disposition::abort;
    co_return;
  }
  status_ = status;
  shard_.counters().own_replies.add();
  message::Output& output = downstream_.output();
  output.clear();
  const bool goes_on = disposition_ != Disposition::linger && client_may_go_on();
  http::ErrorReply error_reply;
  error_reply.status = status;
  error_reply.date = shard_.date();
  error_reply.request_id = {request_id_.data(), request_id_.size()};
  error_reply.connection = !goes_on                                      ? http::ConnectionPolicy::close
                           : request_.version == http::Version::http_1_0 ? http::ConnectionPolicy::keep_alive
                                                                         : http::ConnectionPolicy::implied;
  error_reply.omits_body = request_.method == http::Method::head;
  Result<void> sent = output.append([&](http::Writer& writer) { http::write_error_response(writer, error_reply); });
  if (sent) sent = co_await output.flush(snapshot_->timeouts.idle);
  disposition_ = !sent ? Disposition::abort : goes_on ? Disposition::keep_alive : Disposition::linger;
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

void Exchange::write_log() {
  ShardCounters& counters = shard_.counters();
  if (status_ < 400) {
    counters.responses_2xx_3xx.add();
  } else if (status_ < 500) {
    counters.responses_4xx.add();
  } else {
    counters.responses_5xx.add();
  }
  if (!shard_.is_logging()) return;
  log_.unix_ms = unix_ms_;
  log_.shard = shard_.index();
  log_.listener = downstream_.listener();
  log_.client = client_;
  log_.request_id = {request_id_.data(), request_id_.size()};
  log_.status = status_;
  if (request_body_) log_.request_bytes = request_body_->payload_bytes();
  log_.response_bytes = downstream_.output().bytes_sent() - sent_before_;
  if (route_ != nullptr) log_.route = route_->name;
  if (upstream_ != nullptr) log_.upstream = upstream_->name();
  if (endpoint_ != nullptr) log_.endpoint = endpoint_->name();
  log_.attempts = attempts_;
  log_.is_upstream_reused = is_reused_;
  log_.connect = connect_time_;
  log_.first_byte = first_byte_time_;
  log_.total = shard_.loop().now() - started_;
  if (reason_ != Reason::none) log_.reason = to_string(reason_);
  log_.detail = detail_;
  shard_.log(log_);
}

}  // namespace

Task<Disposition> serve_exchange(Shard& shard, Downstream& downstream) {
  Exchange exchange(shard, downstream, downstream.strand());
  co_return co_await exchange.run();
}

}  // namespace sluice::proxy
