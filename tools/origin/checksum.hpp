#pragma once

#include <cstdint>
#include <string_view>

#include "http/writer.hpp"

namespace sluice::origin {

// CRC-32 as zlib has it (reflected polynomial 0xEDB88320), so that clients find it in their standard library.
// before: the checksum of the bytes in front of these.
[[nodiscard]] std::uint32_t checksum_of(std::string_view bytes, std::uint32_t before = 0) noexcept;

// The checksum of one text behind another, from the checksums of both and the length of the second.
[[nodiscard]] std::uint32_t joined_checksum(std::uint32_t first, std::uint32_t second,
                                            std::uint64_t second_bytes) noexcept;

// "crc32=0a1b2c3d", as heads and reports have it.
void append_checksum(http::Writer& out, std::uint32_t checksum) noexcept;

}  // namespace sluice::origin
