#include "proxy/exchange.hpp"

#include <cerrno>
#include <span>

#include "base/assert.hpp"
#include "http/uri.hpp"
#include "message/h1_head.hpp"
#include "message/pump.hpp"
#include "proxy/shard.hpp"
#include "proxy/upgrade.hpp"
#include "proxy/upstream_header.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

using runtime::Task;

Task<Disposition> serve_exchange(Shard& shard, Downstream& downstream) {
  Exchange exchange(shard, downstream, downstream.strand());
  downstream.set_exchange(&exchange);
  const Disposition disposition = co_await exchange.run();
  downstream.set_exchange(nullptr);
  co_return disposition;
}

Exchange::Exchange(Shard& shard, Downstream& downstream, runtime::Strand& strand)
    : shard_(shard),
      downstream_(downstream),
      strand_(strand),
      snapshot_(shard.snapshots().lease()),
      upstreams_(shard.upstreams().view()),
      terms_(&*snapshot_),
      started_(shard.loop().now()),
      unix_ms_(shard.unix_ms()),
      sent_before_(downstream.stream().bytes_sent()),
      uploads_(strand) {}

Task<Disposition> Exchange::run() {
  strand_.set_phase("receiving request head");
  identify_peer();
  if (co_await receive_request() && co_await find_route()) {
    if (route_->action == route::Action::forward) {
      co_await forward();
    } else {
      co_await answer_route();
    }
  }
  SLUICE_ASSERT(!uploads_.has_children());
  downstream_.stream().set_paces(nullptr, nullptr);
  count();
  // That of a tunnel is written at its end.
  if (shard_.is_logging() && has_log_line() && disposition_ != Disposition::tunnel) {
    complete_log_entry();
    shard_.log(log_);
  }
  co_return disposition_;
}

Task<bool> Exchange::receive_request() {
  const Instant deadline = started_ + terms_->timeouts.head;
  const http::HeadLimits limits = terms_->head_limits;  // terms_ may move on meanwhile
  Result<message::ReceivedHead> received =
      co_await message::receive_request_head(downstream_.input(), limits, deadline, request_);
  course_ = Course::choosing;
  head_received_ = shard_.loop().now();
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
  request_body_.emplace(downstream_.input(), Side::downstream, request_.framing, terms_->limits.trailer_bytes,
                        terms_->timeouts.idle);
  log_.head = head_received_ - started_;
  identify_client();
  note_preferences();
  note_host();
  note_request();
  co_return co_await answer_options();
}

// Keeps what the log wants to know of the head, whose bytes go back to the kernel before the exchange ends.
void Exchange::note_request() {
  if (!shard_.is_logging()) return;
  is_noted_ = true;
  auto text_of = [this](http::FieldId id) { return request_.fields.value_of(id).value_or(std::string_view()); };
  const std::string_view user_agent = text_of(http::FieldId::user_agent);
  const std::string_view referer = terms_->log.needs_referer ? text_of(http::FieldId::referer) : std::string_view();
  log_.protocol = http::to_string(request_.version);
  PooledText::Copier copier(log_memory_, request_.method_text.size() + request_.target.size() +
                                             request_.authority.size() + user_agent.size() + referer.size());
  log_.method = copier.copy(request_.method_text);
  log_.target = copier.copy(request_.target);
  log_.host = copier.copy(request_.authority);
  log_.user_agent = copier.copy(user_agent);
  log_.referer = copier.copy(referer);
}

Task<bool> Exchange::find_route() {
  if (request_.method == http::Method::connect) {
    co_await refuse_method();
    co_return false;
  }
  std::string_view match_path = "/";
  path_ = request_.path;
  query_ = request_.query;
  if (!request_.asks_about_server()) {
    path_memory_.reserve(request_.path.size());
    auto normalized =
        http::normalize_path(request_.path, path_memory_.span(), {.merge_slashes = terms_->merge_slashes});
    if (!normalized) {
      co_await reply(400, Reason::bad_path, http::to_string(normalized.error()));
      co_return false;
    }
    path_ = match_path = *normalized;
  }
  std::array<char, http::host_bytes_max> host_memory;
  route_ = snapshot_->routes.match({.host = http::lower_host(request_.host.host, host_memory),
                                    .path = match_path,
                                    .method = request_.method_text,
                                    .query = request_.query,
                                    .fields = &request_.fields,
                                    .shard = shard_.index()});
  if (route_ == nullptr) {
    co_await reply(404, Reason::no_route);
    co_return false;
  }
  shard_.counters().meters.routes.at(route_->slot).requests.add();
  note_host();
  // RFC 9110 §9.3.8: with content a TRACE is none.
  if (request_.method == http::Method::trace && (!route_->trace || request_.framing.has_body())) {
    co_await refuse_method();
    co_return false;
  }
  if (route_->action == route::Action::forward) {
    upstream_ = upstream::Use(upstreams_.at(route_->upstream));
    if (request_.framing.length > route_->limits.body_bytes) {
      disposition_ = Disposition::linger;
      co_await reply(413, Reason::body_too_large);
      co_return false;
    }
  }
  apply_route();
  if (request_.method == http::Method::trace && !co_await answer_last_trace()) co_return false;
  if (request_.asks_about_server()) co_return true;
  if (route_->rewrite.is_given()) co_return co_await rewrite_target();
  if (!route_->strip_prefix.empty()) path_ = route::strip_prefix(path_, route_->strip_prefix);
  co_return true;
}

void Exchange::apply_route() {
  request_body_->set_idle_timeout(route_->timeouts.idle);
  apply_body_limits();
  upgrade_ = requested_upgrade(request_, route_->upgrade);
  downstream_.set_half_close(route_->half_close);
  if (request_body_->is_done()) downstream_.request_ended(false);
}

Task<bool> Exchange::rewrite_target() {
  const route::Rewriting rewriting(*route_, path_, query_, shard_.index());
  if (rewriting.target_bytes() > terms_->limits.target_bytes) {
    co_await reply(414, Reason::bad_rewrite, http::to_string(http::PathError::too_long));
    co_return false;
  }
  target_memory_.reserve(rewriting.memory_bytes());
  auto target = rewriting.apply(target_memory_.span(), terms_->merge_slashes);
  if (!target) {
    co_await reply(400, Reason::bad_rewrite, http::to_string(target.error()));
    co_return false;
  }
  path_ = target->path;
  query_ = target->query;
  co_return true;
}

void Exchange::apply_body_limits() {
  const route::BodyLimits& limits = route_->limits;
  request_body_->set_payload_bytes_max(limits.body_bytes);
  if (limits.body_rate_min == 0 && limits.response_rate_min == 0) return;
  request_pace_ = net::Pace(limits.body_rate_min, route_->timeouts.idle);
  response_pace_ = net::Pace(limits.response_rate_min, route_->timeouts.idle);
  downstream_.stream().set_paces(&request_pace_, &response_pace_);
}

namespace {

bool is_descriptor_shortage(const Error& error) { return error.os_error == EMFILE || error.os_error == ENFILE; }

}  // namespace

Task<void> Exchange::forward() {
  asked_ = shard_.loop().now();
  log_.queue = asked_ - head_received_;
  upstream_cells().requests.add();
  // Other endpoints, and once after a stale connection; bounded, so that no request waits for every endpoint in turn.
  constexpr unsigned attempts_max = 4;
  std::array<upstream::Use<upstream::Endpoint>, attempts_max> tried;
  std::size_t tried_count = 0;
  auto not_tried = [&] { return upstream_->pick(std::span(tried).first(tried_count)); };
  bool may_reuse = true;
  upstream::Endpoint* endpoint = not_tried();
  // Null only where a reload meanwhile has left nothing but endpoints that were tried.
  while (endpoint != nullptr) {
    endpoint_ = upstream::Use(*endpoint);
    endpoint->cells().requests.add();
    ++attempts_;
    Result<upstream::Connection*> connection = co_await acquire(*endpoint, may_reuse);
    if (!connection) {
      shard_.counters().connect_failures.add();
      upstream_cells().connect_failures.add();
      if (is_descriptor_shortage(connection.error())) shard_.counters().descriptor_shortages.add();
      tried[tried_count++] = upstream::Use(*endpoint);
      endpoint = not_tried();
      if (connection.error().retry != Retry::safe || attempts_ >= attempts_max || endpoint == nullptr) {
        co_await fail_attempt(connection.error());
        co_return;
      }
      endpoint->cells().failures.add();
      note_repetition();
      continue;
    }
    if (co_await attempt(**connection) == Attempt::done) co_return;
    note_repetition();
    may_reuse = false;
    endpoint = not_tried();
  }
  co_await fail_upstream({ErrorCode::unreachable, Side::upstream, Retry::never, 0});
}

Task<Result<upstream::Connection*>> Exchange::acquire(upstream::Endpoint& endpoint, bool may_reuse) {
  if (may_reuse) {
    if (upstream::Connection* idle = endpoint.take_idle(downstream_.own_connections())) {
      shard_.counters().upstream_reuses.add();
      upstream_cells().reuses.add();
      connected_ = shard_.loop().now();
      log_.connect = connected_ - asked_;
      is_reused_ = true;
      co_return idle;
    }
  }
  strand_.set_phase("connecting upstream");
  is_reused_ = false;
  // Connecting may take long, and the head is in a buffer that all connections share.
  if (kept_head_.view().empty()) {
    if (Result<void> kept = keep_head(endpoint); !kept) co_return std::unexpected(kept.error());
  }
  downstream_.input().release();
  downstream_.input().detach();
  settle();
  Result<upstream::Connection*> connection = co_await endpoint.connect(route_->timeouts.connect);
  if (!connection && connection.error().code == ErrorCode::timed_out) reason_ = Reason::upstream_connect_timeout;
  if (connection) {
    if (Result<void> announced = announce_client(downstream_, **connection); !announced) {
      co_await endpoint.discard(**connection);
      co_return std::unexpected(announced.error());
    }
    reason_ = Reason::none;  // an earlier endpoint's
    shard_.counters().upstream_connects.add();
    upstream_cells().connects.add();
    connected_ = shard_.loop().now();
    log_.connect = connected_ - asked_;
  }
  co_return connection;
}

Task<Attempt> Exchange::attempt(upstream::Connection& connection) {
  Result<void> written = write_request_head(connection);
  if (!written) {
    co_await release(connection, false);
    co_await fail_attempt(written.error());
    co_return Attempt::done;
  }
  if (connection.is_reused() && may_repeat() && kept_head_.view().empty()) {
    kept_head_.assign(connection.output().buffered());
  }
  downstream_.input().release();
  settle();

  Result<bool> has_response = true;
  strand_.set_phase("sending request");
  connection.stream().start_receiving();
  if (!request_body_->is_done()) {
    upload_result_ = {};
    uploads_.spawn("upload", upload(connection));  // from here on the input is its own: it may be sending out of it
  } else if (Result<void> sent =
                 co_await connection.output().flush(route_->timeouts.idle, runtime::Resume::with_next_event);
             !sent) {
    sent.error().side = Side::upstream;
    if (sent.error().code == ErrorCode::reset) sent.error().retry = Retry::if_reused;
    has_response = std::unexpected(sent.error());
  } else {
    upload_ended_ = shard_.loop().now();
  }
  if (has_response) has_response = co_await receive_response(connection);
  if (has_response && *has_response) {
    if (response_.status == 101) {
      co_await become_tunnel(connection);
    } else {
      co_await deliver(connection);
    }
    co_return Attempt::done;
  }

  // No response: the request body's own failure is the first cause, if there was one.
  uploads_.cancel();
  co_await uploads_.join();
  const Error error =
      has_response ? Error{ErrorCode::closed, Side::upstream, Retry::if_reused, 0} : has_response.error();
  const bool is_repeatable = error.retry == Retry::if_reused && connection.is_reused() && may_repeat() &&
                             !strand_.is_cancelled() && !is_committed();
  co_await release(connection, false);
  if (client_broke_upload()) {
    co_await fail_request_body();
  } else if (is_repeatable) {
    co_return Attempt::retry;
  } else {
    co_await fail_upstream(error);
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
    case http::Method::trace:
      return !request_.framing.has_body();
    default:
      return false;
  }
}

// Serialises the head for this endpoint into memory of the exchange; its received form is not needed any more.
Result<void> Exchange::keep_head(const upstream::Endpoint& endpoint) {
  memory::Block block = shard_.send_blocks().take();
  if (!block) return failure(ErrorCode::exhausted);
  http::Writer writer(block.span());
  append_request_head(writer, endpoint);
  if (writer.overflowed()) return failure(ErrorCode::too_large);
  kept_head_.assign(writer.text());
  return {};
}

Result<void> Exchange::write_request_head(upstream::Connection& connection) {
  if (!kept_head_.view().empty()) {
    return connection.output().append([&](http::Writer& writer) { append_kept_head(writer, connection.endpoint()); });
  }
  return connection.output().append([&](http::Writer& writer) { append_request_head(writer, connection.endpoint()); });
}

Task<void> Exchange::upload(upstream::Connection& connection) {
  (co_await runtime::this_strand()).set_phase("uploading");
  message::H1BodySink sink(connection.output(), Side::upstream, request_.framing, route_->timeouts.idle);
  const message::PumpSettings settings{shard_.settings().splice_threshold, route_->timeouts.idle};
  upload_result_ = co_await message::pump(*request_body_, sink, shard_.pipes(), settings);
  upload_ended_ = shard_.loop().now();
  if (upload_result_) {
    downstream_.input().release();
    downstream_.request_ended(request_body_->has_been_raw());
  } else if (upload_result_.error().side == Side::downstream) {
    // Wakes whoever waits for a response that cannot come any more.
    connection.stream().shut_down();
  }
}

}  // namespace sluice::proxy
