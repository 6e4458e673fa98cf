#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "http/head.hpp"
#include "http/reject.hpp"

namespace sluice::http {

// What we announce at most, whatever came (RFC 9110 §7.6.2).
inline constexpr std::uint64_t max_forwards_max = 65535;

// How often an OPTIONS or TRACE may still be forwarded, as its Max-Forwards says; nothing when it has none, and for
// every other method, with which the field means nothing. Errors: it is repeated, or no number.
[[nodiscard]] std::expected<std::optional<std::uint64_t>, Reject> read_max_forwards(const RequestHead& head) noexcept;

}  // namespace sluice::http
