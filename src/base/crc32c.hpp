#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// CRC-32C (Castagnoli; RFC 9260, appendix A), of bytes that may come in pieces: each call goes on from what the one
// before gave.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace sluice
