#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/limits.hpp"
#include "http/head.hpp"
#include "http/reject.hpp"

// Heads of HTTP/1.x messages (RFC 9110, RFC 9112), strictly. Pure functions: bytes in, result out. A verdict depends on
// the bytes alone and not on how they were cut: a head is refused once its bad start line is complete, once a forbidden
// byte is there, or once its empty line is, whichever comes first, and always for the first fault in it.
namespace sluice::http {

struct HeadLimits {
  std::size_t bytes_max = limits::head_bytes_max;    // start line, fields and the empty line
  std::size_t fields_max = limits::head_fields_max;  // at most FieldList::capacity
  std::size_t target_bytes_max = limits::target_bytes_max;
};

enum class HeadStatus : std::uint8_t { complete, partial, rejected };
[[nodiscard]] std::string_view to_string(HeadStatus status) noexcept;

struct HeadResult {
  HeadStatus status = HeadStatus::partial;
  std::size_t consumed = 0;      // bytes of the head with its empty line; valid when complete
  Reject reject = Reject::none;  // valid when rejected
};

// Parses the request head at the start of `bytes`. One CRLF before it is skipped (RFC 9112 §2.2).
// already_seen: how many of the bytes were there when the previous call said `partial`, 0 at first; they may have
// moved.
//               A head that arrives byte by byte then costs linear time.
// out: valid when the result is `complete`.
[[nodiscard]] HeadResult parse_request_head(std::string_view bytes, std::size_t already_seen, const HeadLimits& limits,
                                            RequestHead& out) noexcept;

// Parses the response head at the start of `bytes`; HTTP/1.x only, no empty line before it.
// request_method: of the request that it answers; HEAD and CONNECT change the framing (RFC 9112 §6.3).
[[nodiscard]] HeadResult parse_response_head(std::string_view bytes, std::size_t already_seen, const HeadLimits& limits,
                                             Method request_method, ResponseHead& out) noexcept;

}  // namespace sluice::http
