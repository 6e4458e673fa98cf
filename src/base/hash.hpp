#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// FNV-1a, 64 bit. For tables whose keys come from the configuration, never from a peer.
[[nodiscard]] constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0xcbf29ce484222325U) {
  std::uint64_t hash = seed;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

}  // namespace sluice
