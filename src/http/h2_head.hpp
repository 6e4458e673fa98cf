#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "http/head.hpp"
#include "http/parser.hpp"
#include "http/reject.hpp"
#include "memory/pooled_bytes.hpp"

// Heads between HTTP/2's fields and HTTP/1's text. Both kinds of request go through the one parser and the one writer:
// what is a single request here cannot become another one, or two, for an endpoint.
namespace sluice::http {

// What: the fields of a request's header block (RFC 9113 §8.3.1), written as the head of HTTP/1 that says the same.
//       Nothing that HTTP/1 would read in another way gets into it.
// Shard: one. Lifetime: the views of a head that was parsed from it end with it.
// Invariants: holds no more than bytes_max for fields, and as much for the pseudo-headers.
class H2RequestText {
 public:
  explicit H2RequestText(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // One field, in the order of the block.
  void add(std::string_view name, std::string_view value);
  // The block has ended.
  void finish();
  // Why it is refused; `none`: not for what was looked at here.
  [[nodiscard]] Reject reject() const { return reject_; }
  // With its blank line. Valid behind finish().
  [[nodiscard]] std::string_view text() const { return text_.view(); }
  // The longest request line that a log should show; valid as text() is.
  [[nodiscard]] std::size_t target_bytes() const { return target_bytes_; }

 private:
  // One of the pseudo-headers that we know, in pseudo_.
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool is_there = false;
  };
  void add_pseudo(std::string_view name, std::string_view value);
  void add_host(std::string_view value);
  void add_line(std::string_view name, std::string_view value);
  void begin_fields();
  [[nodiscard]] std::string_view text_of(const Part& part) const {
    return pseudo_.view().substr(part.begin, part.size);
  }
  void refuse(Reject reject) {
    if (reject_ == Reject::none) reject_ = reject;
  }

  std::size_t bytes_max_;
  memory::PooledBytes pseudo_;
  memory::PooledBytes text_;
  memory::PooledBytes cookies_;
  Part method_;
  Part scheme_;
  Part authority_;
  Part path_;
  std::size_t target_bytes_ = 0;
  Reject reject_ = Reject::none;
  bool has_begun_fields_ = false;
};

// Parses what was collected. has_ended: the stream ended with its head. out: as of parse_request_head(); its version is
// http_2, and a body whose length is not announced is `chunked`, which stands for any body that says itself where it
// ends.
[[nodiscard]] HeadResult parse_h2_request_head(const H2RequestText& text, bool has_ended, const HeadLimits& limits,
                                               RequestHead& out) noexcept;

// The fields of a head that http/writer has written, from its first line on; those that speak of an HTTP/1 connection
// are left out (RFC 9113 §8.2.2). visit: void(std::string_view name, std::string_view value), names as they were
// written.
template <class Visit>
void for_each_h2_field(std::string_view head, Visit&& visit);

// Whether a field has a name and a value as RFC 9113 §8.2.1 wants them: nothing that could end a line of HTTP/1.
[[nodiscard]] bool is_h2_field(std::string_view name, std::string_view value) noexcept;

// Whether a field belongs to a connection of HTTP/1 and may not be in a message of HTTP/2.
[[nodiscard]] bool is_connection_specific(std::string_view name) noexcept;

template <class Visit>
void for_each_h2_field(std::string_view head, Visit&& visit) {
  std::size_t at = head.find("\r\n") + 2;
  for (;;) {
    const std::size_t end = head.find("\r\n", at);
    if (end == at || end == std::string_view::npos) return;
    const std::string_view line = head.substr(at, end - at);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (!is_connection_specific(name)) visit(name, line.substr(colon + 2));
    at = end + 2;
  }
}

}  // namespace sluice::http
