#include "checksum.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace sluice::origin {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are looked up as one little-endian word");

constexpr std::uint32_t polynomial = 0xedb88320U;
constexpr std::size_t stride = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, stride>;

// Table k advances a byte over k more bytes of zeros: eight look-ups take eight bytes at once (Kounavis and Berry
// 2005).
constexpr Tables tables = [] {
  Tables out{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ polynomial : value >> 1;
    out[0][byte] = value;
  }
  for (std::size_t table = 1; table < stride; ++table) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      std::uint32_t value = out[table - 1][byte];
      out[table][byte] = value >> 8 ^ out[0][value & 0xff];
    }
  }
  return out;
}();

// Polynomials modulo the CRC's, bit-reversed: the top bit is the coefficient of x^0.
constexpr std::uint32_t one = 0x80000000U;
constexpr std::uint32_t x_to_the_8 = one >> 8;

constexpr std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t sum = 0;
  for (std::uint32_t mask = one; mask != 0; mask >>= 1) {
    if ((a & mask) != 0) sum ^= b;
    b = (b & 1) != 0 ? b >> 1 ^ polynomial : b >> 1;
  }
  return sum;
}

}  // namespace

std::uint32_t checksum_of(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  while (bytes.size() >= stride) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), stride);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < stride; ++i) crc ^= tables[stride - 1 - i][word >> (8 * i) & 0xff];
    bytes.remove_prefix(stride);
  }
  for (char c : bytes) crc = crc >> 8 ^ tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::uint32_t joined_checksum(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) noexcept {
  // The first text counts as if the second one's length in zeros stood behind it: times x^(8 * second_bytes).
  std::uint32_t power = x_to_the_8;
  for (std::uint64_t left = second_bytes; left != 0; left >>= 1) {
    if ((left & 1) != 0) first = product(first, power);
    power = product(power, power);
  }
  return first ^ second;
}

void append_checksum(http::Writer& out, std::uint32_t checksum) noexcept {
  out.append("crc32=");
  for (int shift = 28; shift >= 0; shift -= 4) out.append("0123456789abcdef"[checksum >> shift & 0xf]);
}

}  // namespace sluice::origin
