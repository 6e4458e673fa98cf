#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::origin {

// What: the content of every body that the origin makes up. Byte i is block[i % 65521], and
//       block[j] = alphabet[byte j % 8 (lowest first) of output j / 8 of splitmix64 seeded with 0, modulo 64],
//       alphabet = "A-Z a-z 0-9 - _" in this order without the spaces.
//       The period is a prime, so that bytes which end up displaced by a power of two show.
// Shard: immutable, shared by all.
class Pattern {
 public:
  static constexpr std::size_t period = 65521;

  Pattern();

  // The bytes from `offset` on, up to `bytes` of them: as many as lie in one piece.
  [[nodiscard]] std::string_view at(std::uint64_t offset, std::uint64_t bytes) const;
  // CRC-32 of the first `bytes` of it: tens of microseconds, whatever the size.
  [[nodiscard]] std::uint32_t checksum(std::uint64_t bytes) const;

 private:
  std::array<char, period> block_;
  std::uint32_t block_checksum_;
};

// What: the checksums of the sizes that were asked for lately, so that the hot path computes none.
// Shard: one.
// Invariants: bounded; a size has one place in it.
class ChecksumCache {
 public:
  explicit ChecksumCache(const Pattern& pattern) : pattern_(pattern) { entries_.fill({0, pattern.checksum(0)}); }

  [[nodiscard]] std::uint32_t of(std::uint64_t bytes) {
    Entry& entry = entries_[bytes * 0x9e3779b97f4a7c15U >> 56];
    if (entry.bytes != bytes) entry = {bytes, pattern_.checksum(bytes)};
    return entry.checksum;
  }

 private:
  struct Entry {
    std::uint64_t bytes;
    std::uint32_t checksum;
  };
  const Pattern& pattern_;
  std::array<Entry, 256> entries_;
};

}  // namespace sluice::origin
