#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/accept.hpp"
#include "http/writer.hpp"

// Responses that the proxy makes itself.
namespace sluice::http {

// What the head of such a response says.
struct Reply {
  int status = 500;  // 200 to 599
  std::string_view date;
  std::string_view request_id;    // empty: left out, as every field below
  std::string_view content_type;  // empty when there is no body
  std::string_view location;      // of a redirect
  std::string_view allow;         // the methods that would do
  std::string_view vary;
  unsigned retry_after_s = 0;
  std::uint64_t body_bytes = 0;
  ConnectionPolicy connection = ConnectionPolicy::implied;
  FieldChanges changes;  // but for Content-Type, Location, Allow and Retry-After, where the reply has them
};

// Writes the head. A 204, 205 or 304 has no body: body_bytes is 0 then.
void write_reply_head(Writer& out, const Reply& reply) noexcept;

// An answer because no other can be had. Views are plain ASCII without quotes and control characters.
struct ErrorReply {
  int status = 500;  // 400 to 599
  std::string_view date;
  std::string_view request_id;  // empty: left out
  std::string_view reason;      // reason code; empty: left out
  std::string_view detail;      // rule that was broken; empty: left out
  std::string_view allow;
  unsigned retry_after_s = 0;
  ConnectionPolicy connection = ConnectionPolicy::implied;
  ErrorFormat format = ErrorFormat::text;
  bool omits_body = false;  // answers HEAD
  FieldChanges changes;
};

// Longest head and body of one without changes.
inline constexpr std::size_t error_reply_bytes_max = 1024;

// Writes head and body: "404 Not Found" in plain text, or a problem object with reason, detail and request id. Nothing
// about us is in it.
void write_error_reply(Writer& out, const ErrorReply& reply) noexcept;

}  // namespace sluice::http
