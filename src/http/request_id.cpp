#include "http/request_id.hpp"

namespace sluice::http {

std::string_view format_request_id(std::uint64_t unix_ms, std::uint16_t random_a, std::uint64_t random_b,
                                   std::span<char, request_id_bytes> out) noexcept {
  constexpr char digits[] = "0123456789abcdef";
  // RFC 9562 §5.7: 48 bits of time, version 7, 12 random bits; variant 10, 62 random bits.
  std::uint64_t high = unix_ms << 16 | 0x7000U | (random_a & 0x0fffU);
  std::uint64_t low = 0x8000000000000000U | (random_b & 0x3fffffffffffffffU);
  std::size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) out[at++] = '-';
    std::uint64_t half = nibble < 16 ? high : low;
    out[at++] = digits[half >> (60 - 4 * (nibble % 16)) & 0xf];
  }
  return {out.data(), out.size()};
}

}  // namespace sluice::http
