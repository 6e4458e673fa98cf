#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/body.hpp"
#include "http/framing.hpp"
#include "http/parser.hpp"
#include "http/reject.hpp"
#include "input.hpp"
#include "memory/block_pool.hpp"
#include "net/stream.hpp"
#include "output.hpp"
#include "request.hpp"
#include "runtime/task.hpp"

namespace sluice::origin {

class Shard;
class Site;

// The head of a response. What it leaves out the connection knows.
struct Reply {
  int status = 200;
  std::string_view content_type = "text/plain";
  http::BodyFraming framing = http::BodyFraming::of_length(0);
  std::string_view fields;  // more field lines, each with its CRLF
};

// What: one client's connection and the exchange on it. Handlers read the request's body and write the response through
// it. Shard: its site's. Lifetime: a local of its root coroutine; run() has ended before it is destroyed. Invariants:
// one exchange at a time; an unfinished request body is read to its end before the next head.
class Connection {
 public:
  Connection(Site& site, int fd);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] runtime::Task<void> run();

  [[nodiscard]] Shard& shard() const;
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] net::Stream& stream() { return stream_; }
  [[nodiscard]] Output& output() { return output_; }
  // Requests that came before this one on the connection.
  [[nodiscard]] std::uint64_t earlier_requests() const { return requests_ - 1; }
  [[nodiscard]] bool is_head() const { return request_.method == http::Method::head; }

  // The request's body. ready_for_body() sends the 100 that the client waits for, skip_continue() lets it wait;
  // read_body() gives the next payload, valid until the next call, empty at the end. Errors: closed, malformed, and
  // those of Stream::read.
  [[nodiscard]] runtime::Task<Result<void>> ready_for_body();
  [[nodiscard]] runtime::Task<Result<std::string_view>> read_body();
  // Gives how many bytes of payload that were.
  [[nodiscard]] runtime::Task<Result<std::uint64_t>> discard_body();
  void skip_continue() { continue_owed_ = false; }
  [[nodiscard]] bool is_body_done() const { return decoder_.is_done(); }
  // The next read_body() has something to look at.
  [[nodiscard]] bool is_body_here() const { return decoder_.is_done() || !input_.is_empty(); }
  [[nodiscard]] std::string_view trailer_section() const { return decoder_.trailer_section(); }

  // Writes the head of the response and gives the framing of the body that follows: `none` for an answer to HEAD, a
  // 204, a 304; until_close instead of chunked for HTTP/1.0.
  http::BodyFraming::Kind begin(const Reply& reply);
  // The connection ends behind this response; before begin().
  void forbid_keep_alive() { request_.keep_alive = false; }
  // Head and body in one. text: as Output::refer.
  [[nodiscard]] runtime::Task<Ending> answer(Reply reply, std::string_view text);
  // Sends what is left of the response.
  [[nodiscard]] runtime::Task<Ending> finish();
  // An error of the request's making.
  [[nodiscard]] runtime::Task<Ending> refuse(Refusal refusal);

  // Waits; what was written goes out before. Errors: closed, reset when the client has gone meanwhile; a client that
  // has sent FIN counts as gone.
  [[nodiscard]] runtime::Task<Result<void>> pause(std::uint64_t ms);
  // Reads and discards until the client has gone; false when it stayed for so long.
  [[nodiscard]] runtime::Task<bool> outlast_client(Duration longest);

 private:
  [[nodiscard]] runtime::Task<Ending> exchange();
  [[nodiscard]] runtime::Task<Result<http::HeadResult>> read_head();
  [[nodiscard]] runtime::Task<Result<http::HeadResult>> gather_head();
  [[nodiscard]] runtime::Task<Ending> respond();
  [[nodiscard]] runtime::Task<Ending> serve();
  [[nodiscard]] runtime::Task<Ending> reject(int status, std::string_view reason);
  [[nodiscard]] runtime::Task<void> end(Ending ending);
  bool prepare_body();
  void write_status(int status);
  void write_framing(const http::BodyFraming& framing);

  Site& site_;
  net::Stream stream_;
  Input input_;
  memory::Block head_block_;     // a head that spans receive buffers
  memory::Block trailer_block_;  // while a chunked body is read
  http::BodyDecoder decoder_;
  std::uint64_t body_bytes_ = 0;  // of the request's body, seen so far with its framing
  std::uint64_t requests_ = 0;
  http::Reject body_reject_ = http::Reject::none;
  Request request_;
  bool continue_owed_ = false;
  bool keeps_alive_ = false;
  bool has_begun_ = false;  // the response's head is written
  Output output_;
};

// The root of a connection.
runtime::Task<void> serve_connection(Site& site, int fd);

}  // namespace sluice::origin
