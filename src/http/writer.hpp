#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "http/field.hpp"
#include "http/field_edits.hpp"
#include "http/field_names.hpp"
#include "http/forwarded.hpp"
#include "http/head.hpp"

namespace sluice::http {

// What: appends to a span of the caller. What does not fit is not written and sets a flag, which stays.
// Shard: any; a value.
// Lifetime: the span outlives it.
// Invariants: text() is a prefix of everything that was appended; it is all of it unless overflowed().
class Writer {
 public:
  explicit Writer(std::span<char> out) : begin_(out.data()), at_(out.data()), end_(out.data() + out.size()) {}

  void append(std::string_view text) noexcept {
    if (static_cast<std::size_t>(end_ - at_) < text.size()) return overflow();
    copy(at_, text);
    at_ += text.size();
  }
  void append(char c) noexcept { append(std::string_view(&c, 1)); }
  void append_decimal(std::uint64_t value) noexcept;
  void append_hex(std::uint64_t value) noexcept;  // lower case, no leading zeros
  // name ": " value CRLF
  void append_field(std::string_view name, std::string_view value) noexcept;

  [[nodiscard]] std::string_view text() const { return {begin_, size()}; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  // Most pieces are shorter than what a call of memcpy costs: two loads that overlap do for up to 32 bytes.
  static void copy(char* to, std::string_view text) noexcept {
    std::size_t size = text.size();
    if (size > 32) {
      std::memcpy(to, text.data(), size);
    } else if (size >= 16) {
      copy_ends<16>(to, text);
    } else if (size >= 8) {
      copy_ends<8>(to, text);
    } else if (size >= 4) {
      copy_ends<4>(to, text);
    } else {
      for (char c : text) *to++ = c;
    }
  }
  // The first and the last `part` bytes, which are all if text has at most twice that many.
  template <std::size_t part>
  static void copy_ends(char* to, std::string_view text) noexcept {
    char first[part];
    char last[part];
    std::memcpy(first, text.data(), part);
    std::memcpy(last, text.data() + text.size() - part, part);
    std::memcpy(to, first, part);
    std::memcpy(to + text.size() - part, last, part);
  }
  void overflow() noexcept {
    overflowed_ = true;
    end_ = at_;  // nothing may be appended behind a gap
  }

  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

// Which Connection field we write. HTTP/1.1 goes on by default, so `implied` writes none.
enum class ConnectionPolicy : std::uint8_t { implied, keep_alive, close, upgrade };
[[nodiscard]] std::string_view to_string(ConnectionPolicy policy) noexcept;

// What of a request's forwarding is ours to say.
struct RequestForward {
  std::string_view path;            // normalised and rewritten; begins with '/', or is "*"
  std::string_view query;           // with its leading '?', or empty
  std::string_view host;            // the Host to send
  std::string_view peer_address;    // text, of the other end of the connection; empty: it has none
  std::string_view peer_name;       // what Forwarded calls a peer without address, RFC 7239 §6.2, §6.3
  std::string_view client_address;  // text, of whom trusted proxies name; otherwise as peer_address
  std::string_view scheme;          // of the connection: "http" or "https"
  std::string_view client_scheme;   // that trusted proxies name; otherwise as scheme
  std::string_view request_id;
  std::string_view via = "sluice";            // our pseudonym
  BodyFraming framing;                        // to announce: none, length or chunked
  std::optional<std::uint64_t> max_forwards;  // to announce in place of what came
  ConnectionPolicy connection = ConnectionPolicy::implied;
  HopField hop_field = HopField::x_forwarded_for;  // in which trusted peers name the hops before them
  bool is_trusted_peer = false;
  bool writes_forwarded = false;         // RFC 7239, beside X-Forwarded-For
  const FieldNames* identity = nullptr;  // what none but trusted peers may send; null: nothing
  FieldChanges changes;
};

// Writes the head that goes upstream, always as HTTP/1.1. End-to-end fields go on as they came, in their order, but
// for:
// - hop-by-hop fields and what Connection names (RFC 9110 §7.6.1). Connection has no power over Host, Via, the fields
// that
//   say where a request comes from, and `identity`.
// - framing fields, which are written anew from `forward.framing`. `TE: trailers` goes on when the client sent it
//   properly, Trailer when the body is chunked, Upgrade with ConnectionPolicy::upgrade, Expect as it came.
// - what says where a request comes from: X-Forwarded-For and Forwarded are written anew. A trusted peer's list in
//   `hop_field` is appended to; the other one begins with the client and the peer. X-Forwarded-Proto and -Host of a
//   trusted peer are kept if it uses X-Forwarded-For; any others are replaced.
// - `identity` of a peer that is not trusted, and lookalikes of it from every peer.
// - what `forward.changes` drops. They come last, and have power over everything that is written here but Host,
// hop-by-hop
//   fields and framing.
// - of a TRACE: `trace_secrets`. `forward.changes` writes nothing into it.
void write_request_head(Writer& out, const RequestHead& head, const RequestForward& forward) noexcept;

// What of a response's forwarding is ours to say.
struct ResponseForward {
  std::string_view date;        // IMF-fixdate, added when the upstream sent none
  std::string_view request_id;  // of the exchange; replaces any other
  std::string_view via = "sluice";
  BodyFraming framing;  // to announce: for `none`, a Content-Length that came with 304 or an answer to HEAD is kept
  ConnectionPolicy connection = ConnectionPolicy::implied;
  FieldChanges changes;  // not of interim responses
};

// Writes the head that goes downstream, always as HTTP/1.1 (RFC 9112 §2.3: our own version). Interim responses get no
// Date. For HTTP/1.0 clients `connection` says keep_alive or close, and `framing` is not chunked.
void write_response_head(Writer& out, const ResponseHead& head, const ResponseForward& forward) noexcept;

// "1f4\r\n", before that many bytes of payload; size: not 0, which would end the body.
void write_chunk_begin(Writer& out, std::uint64_t size) noexcept;
// CRLF, behind the payload.
void write_chunk_end(Writer& out) noexcept;
// The last chunk with the trailer section; fields that trailers may not carry are left out.
void write_last_chunk(Writer& out, const FieldList& trailers) noexcept;

}  // namespace sluice::http
