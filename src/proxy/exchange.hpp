#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/forwarded.hpp"
#include "http/head.hpp"
#include "http/reply.hpp"
#include "http/request_id.hpp"
#include "http/writer.hpp"
#include "message/h1_body.hpp"
#include "net/address.hpp"
#include "net/pace.hpp"
#include "proxy/access_log.hpp"
#include "proxy/downstream.hpp"
#include "proxy/meters.hpp"
#include "proxy/pooled_text.hpp"
#include "proxy/reason.hpp"
#include "proxy/remnant.hpp"
#include "proxy/snapshot.hpp"
#include "route/table.hpp"
#include "runtime/scope.hpp"
#include "runtime/task.hpp"
#include "upstream/upstream_set.hpp"

namespace sluice::proxy {

class Shard;

// How the response of an attempt came out.
enum class Attempt : std::uint8_t {
  done,   // the client has its response, from the upstream or from us
  retry,  // nothing has happened yet that could not happen again: once more, on another connection
};

// What: one request and its response: receives the head, forwards it, brings the response back, writes the log line.
//       Its functions stand in the order of a request in exchange.cpp, exchange_response.cpp and exchange_end.cpp.
// Shard: one. Lifetime: within serve_exchange().
// Invariants: status_ and disposition_ are decided when run() returns; no upstream connection is ours by then. The
//             views of request_ are valid until the head has been forwarded, those of response_ until it has been
//             passed on. An exchange that waits holds no snapshot but the newest: before its head is whole it takes the
//             new one, from settle() on it keeps what it needs of the old one. So terms_ and route_ may point elsewhere
//             after any await: no reference into them is kept.
class Exchange final {
 public:
  Exchange(Shard& shard, Downstream& downstream, runtime::Strand& strand);

  runtime::Task<Disposition> run();
  // What it is doing, for the admin socket.
  void describe(ConnectionRow& row, Instant now) const;
  // The shard has moved on to a newer snapshot. Between loop turns.
  void take_new_snapshot();

 private:
  // What a newer snapshot is to it.
  enum class Course : std::uint8_t {
    open,      // nothing has been decided: the one to go by
    choosing,  // nothing yet: the one it has is what is chosen by; only a close is waited for meanwhile
    settled,   // no more than the terms and the route of its own are needed
  };

  // The request (exchange.cpp).
  runtime::Task<bool> receive_request();
  runtime::Task<bool> find_route();
  void apply_route();
  runtime::Task<bool> rewrite_target();
  void apply_body_limits();
  void note_request();
  // The attempts.
  runtime::Task<void> forward();
  runtime::Task<Result<upstream::Connection*>> acquire(upstream::Endpoint& endpoint, bool may_reuse);
  runtime::Task<Attempt> attempt(upstream::Connection& connection);
  Result<void> keep_head(const upstream::Endpoint& endpoint);
  Result<void> write_request_head(upstream::Connection& connection);
  bool may_repeat() const;
  // Who is told what of whom (exchange_forwarding.cpp).
  void identify_peer();
  void identify_client();
  void note_preferences();
  void note_host();
  const http::FieldEdits& response_edits() const;
  // host: that of the request, in memory that is still there.
  http::Variables variables(std::string_view host) const;
  std::string_view upstream_host(const upstream::Endpoint& endpoint) const;
  void append_request_head(http::Writer& writer, const upstream::Endpoint& endpoint) const;
  void append_kept_head(http::Writer& writer, const upstream::Endpoint& endpoint) const;
  // The request body.
  runtime::Task<void> upload(upstream::Connection& connection);
  bool upload_has_ended() const { return !uploads_.has_children(); }
  // The client failed within its body; an upload that we cancelled ourselves does not count.
  bool client_broke_upload() const {
    return !upload_result_ && upload_result_.error().side == Side::downstream &&
           upload_result_.error().code != ErrorCode::cancelled;
  }
  // The response (exchange_response.cpp).
  runtime::Task<Result<bool>> receive_response(upstream::Connection& connection);
  runtime::Task<Result<void>> relay_interim();
  runtime::Task<void> deliver(upstream::Connection& connection);
  runtime::Task<void> become_tunnel(upstream::Connection& connection);
  http::BodyFraming response_framing() const;
  http::ConnectionPolicy connection_policy(const http::BodyFraming& framing);
  runtime::Task<void> release(upstream::Connection& connection, bool can_be_kept);
  // Answers in place of an upstream's (exchange_answer.cpp).
  runtime::Task<bool> answer_options();
  runtime::Task<bool> answer_last_trace();
  runtime::Task<bool> read_max_forwards(bool& is_last);
  runtime::Task<void> refuse_method();
  runtime::Task<void> answer_route();
  runtime::Task<void> redirect();
  runtime::Task<void> answer(http::Reply reply, std::string_view body, Reason reason);
  http::ConnectionPolicy reply_policy(bool goes_on) const;
  // The ends (exchange_end.cpp).
  runtime::Task<void> fail_attempt(Error error);
  runtime::Task<void> fail_upstream(Error error);
  runtime::Task<void> fail_request_body();
  runtime::Task<void> reply(int status, Reason reason, std::string_view detail = {});
  runtime::Task<Result<void>> send_error(http::ErrorReply error_reply);
  void give_up_client(Reason reason);
  bool is_committed() const { return downstream_.stream().bytes_sent() != sent_before_; }
  bool client_may_go_on() const;
  // How long the client may take nothing of what we send.
  Duration client_idle_timeout() const { return route_ != nullptr ? route_->timeouts.idle : terms_->timeouts.idle; }
  // How long the endpoint may pause in the body of its response.
  [[nodiscard]] Duration response_idle_timeout() const;
  void note_repetition();
  [[nodiscard]] UpstreamCells& upstream_cells() const;
  void count();
  // The log may have been switched on only after the head had gone.
  bool has_log_line() const { return is_noted_ || !request_body_; }
  void complete_log_entry();
  // What follows may wait, for hours even: it must not keep an old snapshot from being freed.
  void settle();
  void let_go();

  // TLS ends in front of us, if at all.
  static constexpr std::string_view connection_scheme = "http";

  Shard& shard_;
  Downstream& downstream_;
  runtime::Strand& strand_;
  SnapshotReader::Lease snapshot_;  // empty once let go of
  RemnantSet::Use remnant_;         // in its place then
  Course course_ = Course::open;
  upstream::UpstreamSet::View upstreams_;
  const Terms* terms_;                   // of the snapshot, or of what is left of it
  const route::Route* route_ = nullptr;  // likewise
  upstream::Use<upstream::Upstream> upstream_;
  upstream::Use<upstream::Endpoint> endpoint_;

  Instant started_;
  Instant head_received_;  // valid once there was a whole head
  Instant asked_;          // when the first endpoint was; valid once attempts_ > 0
  Instant connected_;      // valid once attempts_ > 0 and a connection was had
  Instant upload_ended_;   // valid once the upload has ended
  std::int64_t unix_ms_;
  std::uint64_t sent_before_;
  std::uint64_t response_head_bytes_ = 0;
  bool is_reused_ = false;
  bool is_close_delimited_ = false;  // the response, towards the client
  bool is_noted_ = false;            // what the log tells of the head
  unsigned attempts_ = 0;

  int status_ = 0;
  Reason reason_ = Reason::none;
  std::string_view detail_;
  Disposition disposition_ = Disposition::close;

  std::array<char, http::request_id_bytes_max> id_text_;
  std::string_view request_id_;
  std::array<char, net::Address::text_bytes_max> peer_text_;
  std::array<char, IpAddress::text_bytes_max> client_text_;
  std::string_view peer_;            // the other end of the connection
  std::string_view client_;          // whom trusted proxies name, else the peer
  std::string_view peer_address_;    // empty: it has no IP address
  std::string_view client_address_;  // likewise
  std::string_view scheme_ = connection_scheme;
  bool is_trusted_peer_ = false;
  std::optional<std::uint64_t> max_forwards_;  // to announce
  PooledText accept_;                          // the Accept fields, for errors
  PooledText host_;                            // that the request names, where response edits want it
  PooledText kept_head_;                       // what we sent upstream, for repeating it
  PooledText path_memory_;                     // the normalised path, where it is not the received one
  std::string_view path_;
  PooledText target_memory_;      // path and query, where the route rewrites them
  std::string_view query_;        // with its leading '?', or empty
  std::string_view upgrade_;      // the protocol that the request asks to change to, as the route names it; empty: none
  std::string_view answer_body_;  // what of an answer of ours comes behind its head; the route's, or of the exchange
  PooledText log_memory_;
  AccessLogEntry log_;

  // Valid once there is a route whose limits ask for them.
  net::Pace request_pace_{0, Duration(0)};
  net::Pace response_pace_{0, Duration(0)};
  std::optional<message::H1BodySource> request_body_;
  Result<void> upload_result_;
  runtime::Scope uploads_;
  http::RequestHead request_;
  http::ResponseHead response_;
};

// Serves one exchange on a connection on which at least one byte of a request has arrived. Returns what becomes of the
// client's connection; the endpoint's is in its pool or closed by then.
[[nodiscard]] runtime::Task<Disposition> serve_exchange(Shard& shard, Downstream& downstream);

}  // namespace sluice::proxy
