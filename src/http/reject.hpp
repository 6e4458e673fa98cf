#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

// Why a codec refused the bytes of a peer. `none` means that it did not.
enum class Reject : std::uint8_t {
  none,
  // any head
  bare_lf,             // a line that ends in LF without CR
  bare_cr,             // CR that is not followed by LF
  control_byte,        // NUL or another control character, HTAB in values apart
  head_too_large,      // more bytes than HeadLimits::bytes_max
  too_many_fields,     // more field lines than HeadLimits::fields_max
  obs_fold,            // a field line that begins with white space
  space_before_colon,  // white space between a field name and its colon
  bad_field_name,      // empty, no colon, or not a token
  bad_connection,      // Connection or Upgrade is not a list of tokens, or names too many
  // start lines
  empty_request_line,
  bad_request_line,  // not exactly method SP target SP version
  bad_method,
  bad_target,
  target_too_long,
  bad_version,
  unsupported_version,
  bad_status_line,
  // request meaning
  missing_host,
  repeated_host,
  bad_host,
  bad_expectation,
  bad_max_forwards,
  // framing
  bad_content_length,
  repeated_content_length,
  content_length_with_transfer_encoding,
  bad_transfer_encoding,
  unknown_transfer_coding,
  transfer_encoding_in_http_1_0,
  // chunked bodies
  bad_chunk_size,
  chunk_size_overflow,
  bad_chunk_extension,
  chunk_line_too_long,
  bad_chunk_end,  // chunk data that is not followed by CRLF
  trailer_too_large,
};

[[nodiscard]] std::string_view to_string(Reject reject) noexcept;

// The status that answers a refused request: 400, 414, 417, 431, 501 or 505. A refused response is a 502, whatever the
// reason. reject: not `none`.
[[nodiscard]] int status_of(Reject reject) noexcept;

}  // namespace sluice::http
