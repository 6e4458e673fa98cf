#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

// In which form an error of our own is told.
enum class ErrorFormat : std::uint8_t {
  text,     // text/plain
  problem,  // application/problem+json, RFC 9457
};
[[nodiscard]] std::string_view to_string(ErrorFormat format) noexcept;

// Media ranges that are looked at in one Accept.
inline constexpr unsigned media_ranges_max = 32;

// The form that an Accept field asks for (RFC 9110 §12.5.1): `problem` where its quality is higher than that of plain
// text. Where problem+json is not mentioned, application/json counts for it: who reads the one can show the other.
// accept: the value; the values of several fields with commas between them; empty: none came. One that is malformed, or
// has too many ranges, counts as none.
[[nodiscard]] ErrorFormat choose_error_format(std::string_view accept) noexcept;

}  // namespace sluice::http
