#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

inline constexpr std::size_t request_id_bytes = 36;

// Writes a UUIDv7 (RFC 9562 §5.7) in its lower-case text form.
// unix_ms: the lower 48 bits count. random_a: the lower 12 bits count; random_b: the lower 62: 74 random bits in all.
// Returns the text, which is `out`.
std::string_view format_request_id(std::uint64_t unix_ms, std::uint16_t random_a, std::uint64_t random_b,
                                   std::span<char, request_id_bytes> out) noexcept;

}  // namespace sluice::http
