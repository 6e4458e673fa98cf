#include "connection.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "http/status.hpp"
#include "limits.hpp"
#include "runtime/operation.hpp"
#include "shard.hpp"

namespace sluice::origin {

using http::BodyFraming;
using http::HeadResult;
using http::HeadStatus;
using runtime::Task;

Task<void> serve_connection(Site& site, int fd) {
  Connection connection(site, fd);
  co_await connection.run();
}

Connection::Connection(Site& site, int fd)
    : site_(site),
      stream_(site.shard().loop(), site.shard().buffers(), fd, receive_share_max),
      input_(stream_, site.shard().bulk_blocks()),
      output_(stream_) {}

Shard& Connection::shard() const { return site_.shard(); }

Task<void> Connection::run() {
  // The first request may be the only one: then there is no receive left to be cancelled.
  stream_.set_receive_mode(net::Stream::ReceiveMode::single);
  stream_.start_receiving();
  Ending ending = Ending::next;
  while (ending == Ending::next) ending = co_await exchange();
  co_await end(ending);
  co_await stream_.close();
  shard().counters().closed.add();
}

Task<Ending> Connection::exchange() {
  Result<HeadResult> result = co_await read_head();
  // Nobody is owed an answer yet: the ordinary end of a connection.
  if (!result) co_return Ending::close;
  ++requests_;
  shard().counters().requests.add();
  request_ = Request();
  body_bytes_ = 0;
  has_begun_ = false;
  Ending ending = Ending::close;
  if (result->status == HeadStatus::rejected) {
    ending = co_await reject(http::status_of(result->reject), http::to_string(result->reject));
  } else {
    request_.head = {head_block_ ? head_block_.data() : input_.bytes().data() - result->consumed, result->consumed};
    ending = co_await respond();
  }
  if (ending == Ending::failed) shard().counters().abandoned.add();
  // A multishot would copy what is there of another long body before it can be cancelled.
  const bool was_long = body_bytes_ >= bulk_from_bytes;
  stream_.set_receive_mode(was_long ? net::Stream::ReceiveMode::single : net::Stream::ReceiveMode::multishot);
  head_block_.reset();
  trailer_block_.reset();
  co_return ending;
}

// Parses the next head into the shard's. In the ordinary case it lies in one receive buffer and is never copied.
Task<Result<HeadResult>> Connection::read_head() {
  input_.release();
  if (input_.is_empty()) {
    if (Result<void> filled = co_await input_.fill(stream_.loop().now() + idle_timeout); !filled) {
      co_return std::unexpected(filled.error());
    }
  }
  HeadResult result = http::parse_request_head(input_.bytes(), 0, {}, shard().head());
  if (result.status == HeadStatus::partial) co_return co_await gather_head();
  if (result.status == HeadStatus::complete) input_.consume(result.consumed);
  co_return result;
}

Task<Result<HeadResult>> Connection::gather_head() {
  head_block_ = shard().scratch_blocks().take();
  if (!head_block_) co_return failure(ErrorCode::exhausted);
  std::span<char> room = head_block_.span();
  std::size_t size = 0;
  Instant deadline = stream_.loop().now() + receive_timeout;
  while (true) {
    std::size_t added = std::min(input_.bytes().size(), room.size() - size);
    std::memcpy(room.data() + size, input_.bytes().data(), added);
    HeadResult result = http::parse_request_head({room.data(), size + added}, size, {}, shard().head());
    if (result.status == HeadStatus::complete) {
      input_.consume(result.consumed - size);
      co_return result;
    }
    // With the block full the parser refuses, so that this ends.
    if (result.status == HeadStatus::rejected) co_return result;
    input_.consume(added);
    size += added;
    if (Result<void> filled = co_await input_.fill(deadline); !filled) co_return std::unexpected(filled.error());
  }
}

Task<Ending> Connection::respond() {
  std::expected<void, Refusal> accepted = read_request(shard().head(), request_);
  if (!prepare_body()) co_return co_await reject(503, "too many bodies at once");
  Ending ending = Ending::failed;
  if (accepted) {
    ending = co_await serve();
  } else {
    ending = co_await refuse(accepted.error());
  }
  if (ending == Ending::next && !keeps_alive_) co_return Ending::close;
  if (ending == Ending::next && !co_await discard_body()) ending = Ending::failed;
  bool is_malformed = ending == Ending::failed && body_reject_ != http::Reject::none && !has_begun_;
  if (is_malformed) co_return co_await reject(http::status_of(body_reject_), http::to_string(body_reject_));
  co_return ending;
}

Task<Ending> Connection::serve() {
  const Route& route = *request_.route;
  if (route.body == Route::Body::discarded_first && request_.framing.has_body()) {
    if (!co_await discard_body()) co_return Ending::failed;
  }
  if (request_.is_set(Parameter::delay_ms)) {
    if (!co_await pause(request_.number(Parameter::delay_ms, 0))) co_return Ending::failed;
  }
  co_return co_await route.serve(*this);
}

// False when there is no memory left to read a chunked one.
bool Connection::prepare_body() {
  continue_owed_ = request_.expect_continue;
  body_bytes_ = 0;
  body_reject_ = http::Reject::none;
  std::span<char> trailers;
  if (request_.framing.kind == BodyFraming::Kind::chunked) {
    trailer_block_ = shard().scratch_blocks().take();
    if (!trailer_block_) return false;
    trailers = trailer_block_.span().first(limits::trailer_bytes_max);
  }
  decoder_ = http::BodyDecoder(request_.framing, trailers);
  return true;
}

// Bytes that are no request: nothing behind them can be understood.
Task<Ending> Connection::reject(int status, std::string_view reason) {
  forbid_keep_alive();
  Ending ending = co_await refuse({status, reason});
  co_return ending == Ending::next ? Ending::close : ending;
}

Task<Ending> Connection::refuse(Refusal refusal) {
  Reply reply;
  reply.status = refusal.status;
  reply.framing = BodyFraming::of_length(refusal.reason.size() + 1);
  if (begin(reply) != BodyFraming::Kind::none) {
    output_.append(refusal.reason);
    output_.append("\n");
  }
  co_return co_await finish();
}

Task<Result<void>> Connection::ready_for_body() {
  if (!continue_owed_) co_return Result<void>();
  continue_owed_ = false;
  // RFC 9110 §10.1.1: not needed once the body has begun to come.
  if (!input_.is_empty()) co_return Result<void>();
  output_.append("HTTP/1.1 100 Continue\r\n\r\n");
  co_return co_await output_.flush();
}

Task<Result<std::string_view>> Connection::read_body() {
  if (continue_owed_) {
    if (Result<void> ready = co_await ready_for_body(); !ready) co_return std::unexpected(ready.error());
  }
  while (!decoder_.is_done()) {
    if (input_.is_empty()) {
      Result<void> filled =
          co_await input_.fill_body(body_bytes_, decoder_.payload_remaining(), stream_.loop().now() + receive_timeout);
      if (!filled) co_return std::unexpected(filled.error());
    }
    http::BodyStep step = decoder_.step(input_.bytes());
    input_.consume(step.consumed);
    body_bytes_ += step.consumed;
    if (step.state == http::BodyState::rejected) {
      body_reject_ = step.reject;
      co_return failure(ErrorCode::malformed, Side::downstream);
    }
    if (!step.data.empty()) co_return step.data;
  }
  co_return std::string_view();
}

Task<Result<std::uint64_t>> Connection::discard_body() {
  std::uint64_t bytes = 0;
  while (true) {
    while (input_.is_empty() && !continue_owed_ && !decoder_.is_done()) {
      Result<std::size_t> skipped =
          co_await input_.skip(decoder_.payload_remaining(), stream_.loop().now() + receive_timeout);
      if (!skipped) co_return std::unexpected(skipped.error());
      if (*skipped == 0) break;
      decoder_.advance(*skipped);
      body_bytes_ += *skipped;
      bytes += *skipped;
    }
    Result<std::string_view> data = co_await read_body();
    if (!data) co_return std::unexpected(data.error());
    if (data->empty()) co_return bytes;
    bytes += data->size();
  }
}

BodyFraming::Kind Connection::begin(const Reply& reply) {
  has_begun_ = true;
  bool is_http_1_0 = request_.version == http::Version::http_1_0;
  BodyFraming framing = reply.framing;
  // RFC 9112 §6.1: no transfer coding towards HTTP/1.0.
  if (framing.kind == BodyFraming::Kind::chunked && is_http_1_0) framing = BodyFraming::until_close();
  bool has_no_body = is_head() || reply.status == 204 || reply.status == 304;
  // A client that waits for a 100 may or may not send its body now: only the end of the connection tells.
  keeps_alive_ =
      request_.keep_alive && !continue_owed_ && (has_no_body || framing.kind != BodyFraming::Kind::until_close);

  write_status(reply.status);
  output_.append(site_.fields());
  output_.append("Content-Type: ");
  output_.append(reply.content_type);
  output_.append("\r\n");
  output_.append(reply.fields);
  // RFC 9110 §8.6: a 204 has no Content-Length.
  if (reply.status != 204) write_framing(framing);
  if (!keeps_alive_) {
    output_.append("Connection: close\r\n\r\n");
  } else {
    output_.append(is_http_1_0 ? "Connection: keep-alive\r\n\r\n" : "\r\n");
  }
  return has_no_body ? BodyFraming::Kind::none : framing.kind;
}

void Connection::write_status(int status) {
  if (status == 200) [[likely]] {
    output_.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  output_.append("HTTP/1.1 ");
  output_.append_decimal(static_cast<std::uint64_t>(status));
  output_.append(" ");
  output_.append(http::status_reason(status));
  output_.append("\r\n");
}

void Connection::write_framing(const BodyFraming& framing) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
    case BodyFraming::Kind::until_close:
      break;
    case BodyFraming::Kind::length:
      output_.append("Content-Length: ");
      output_.append_decimal(framing.length);
      output_.append("\r\n");
      break;
    case BodyFraming::Kind::chunked:
      output_.append("Transfer-Encoding: chunked\r\n");
      break;
  }
}

Task<Ending> Connection::answer(Reply reply, std::string_view text) {
  reply.framing = BodyFraming::of_length(text.size());
  if (begin(reply) != BodyFraming::Kind::none) output_.refer(text);
  co_return co_await finish();
}

Task<Ending> Connection::finish() { co_return co_await output_.flush() ? Ending::next : Ending::failed; }

Task<Result<void>> Connection::pause(std::uint64_t ms) {
  Instant until = stream_.loop().now() + std::chrono::milliseconds(ms);
  if (!output_.is_empty()) {
    if (Result<void> sent = co_await output_.flush(); !sent) co_return sent;
  }
  // Only with nothing unread can the end of the connection be told from more requests.
  if (decoder_.is_done() && input_.is_empty()) {
    Result<void> filled = co_await input_.fill(until);
    if (!filled && filled.error().code == ErrorCode::timed_out) co_return Result<void>();
    if (!filled) co_return filled;
  }
  co_return co_await runtime::sleep_until(until);
}

Task<bool> Connection::outlast_client(Duration longest) {
  co_return co_await input_.discard_until_end(stream_.loop().now() + longest);
}

Task<void> Connection::end(Ending ending) {
  if (ending == Ending::reset) stream_.abort_on_close();
  if (ending != Ending::close) co_return;
  // Closing with unread bytes sends RST, which may overtake and destroy what we sent last.
  if (decoder_.is_done() && !input_.has_unread()) co_return;
  stream_.shut_down_writing();
  (void)co_await outlast_client(linger_timeout);
}

}  // namespace sluice::origin
