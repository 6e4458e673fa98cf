#include "http/reject.hpp"

#include "base/assert.hpp"

namespace sluice::http {

std::string_view to_string(Reject reject) noexcept {
  switch (reject) {
    case Reject::none:
      return "none";
    case Reject::bare_lf:
      return "bare_lf";
    case Reject::bare_cr:
      return "bare_cr";
    case Reject::control_byte:
      return "control_byte";
    case Reject::head_too_large:
      return "head_too_large";
    case Reject::too_many_fields:
      return "too_many_fields";
    case Reject::obs_fold:
      return "obs_fold";
    case Reject::space_before_colon:
      return "space_before_colon";
    case Reject::bad_field_name:
      return "bad_field_name";
    case Reject::bad_connection:
      return "bad_connection";
    case Reject::empty_request_line:
      return "empty_request_line";
    case Reject::bad_request_line:
      return "bad_request_line";
    case Reject::bad_method:
      return "bad_method";
    case Reject::bad_target:
      return "bad_target";
    case Reject::target_too_long:
      return "target_too_long";
    case Reject::bad_version:
      return "bad_version";
    case Reject::unsupported_version:
      return "unsupported_version";
    case Reject::bad_status_line:
      return "bad_status_line";
    case Reject::missing_host:
      return "missing_host";
    case Reject::repeated_host:
      return "repeated_host";
    case Reject::bad_host:
      return "bad_host";
    case Reject::bad_expectation:
      return "bad_expectation";
    case Reject::bad_max_forwards:
      return "bad_max_forwards";
    case Reject::bad_content_length:
      return "bad_content_length";
    case Reject::repeated_content_length:
      return "repeated_content_length";
    case Reject::content_length_with_transfer_encoding:
      return "content_length_with_transfer_encoding";
    case Reject::bad_transfer_encoding:
      return "bad_transfer_encoding";
    case Reject::unknown_transfer_coding:
      return "unknown_transfer_coding";
    case Reject::transfer_encoding_in_http_1_0:
      return "transfer_encoding_in_http_1_0";
    case Reject::bad_chunk_size:
      return "bad_chunk_size";
    case Reject::chunk_size_overflow:
      return "chunk_size_overflow";
    case Reject::bad_chunk_extension:
      return "bad_chunk_extension";
    case Reject::chunk_line_too_long:
      return "chunk_line_too_long";
    case Reject::bad_chunk_end:
      return "bad_chunk_end";
    case Reject::trailer_too_large:
      return "trailer_too_large";
  }
  return "unknown";
}

int status_of(Reject reject) noexcept {
  SLUICE_ASSERT(reject != Reject::none);
  switch (reject) {
    case Reject::head_too_large:
    case Reject::too_many_fields:
    case Reject::trailer_too_large:
      return 431;  // RFC 6585 §5
    case Reject::target_too_long:
      return 414;
    case Reject::unsupported_version:
      return 505;
    case Reject::unknown_transfer_coding:
      return 501;  // RFC 9112 §6.1
    case Reject::bad_expectation:
      return 417;  // RFC 9110 §10.1.1
    default:
      return 400;
  }
}

}  // namespace sluice::http
