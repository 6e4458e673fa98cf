#include "base/crc32c.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

TEST_CASE("CRC-32C of what others have computed") {
  struct Row {
    std::string bytes;
    std::uint32_t crc;
  };
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  // RFC 3720 §B.4 has those of 32 bytes.
  const Row rows[] = {
      {"", 0},
      {"123456789", 0xE3069283},
      {std::string(32, '\0'), 0x8A9136AA},
      {std::string(32, '\xff'), 0x62A8AB43},
      {rising, 0x46DD794E},
      {std::string(rising.rbegin(), rising.rend()), 0x113FDB5C},
  };
  for (const Row& row : rows) {
    CAPTURE(row.crc);
    CHECK(crc32c(row.bytes) == row.crc);
    for (std::size_t split = 0; split <= row.bytes.size(); ++split) {
      const std::string_view bytes = row.bytes;
      CHECK(crc32c(bytes.substr(split), crc32c(bytes.substr(0, split))) == row.crc);
    }
  }
}

}  // namespace
}  // namespace sluice
