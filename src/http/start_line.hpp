#pragma once

#include <cstddef>
#include <string_view>

#include "http/head.hpp"
#include "http/reject.hpp"

// Start lines; internal to the parser. A line comes without its CRLF and holds no control character but HTAB.
namespace sluice::http {

// Sets method, version, target and its parts. Returns Reject::none, or why the line is refused.
[[nodiscard]] Reject parse_request_line(std::string_view line, std::size_t target_bytes_max, RequestHead& out) noexcept;

// Sets version, status and reason. Returns Reject::none, or why the line is refused.
[[nodiscard]] Reject parse_status_line(std::string_view line, ResponseHead& out) noexcept;

}  // namespace sluice::http
