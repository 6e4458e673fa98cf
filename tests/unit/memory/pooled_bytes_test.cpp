#include "memory/pooled_bytes.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace sluice::memory {
namespace {

TEST_CASE("memory: bytes that are collected piece by piece") {
  const std::size_t before = FramePool::of_this_thread().outstanding();
  {
    PooledBytes bytes;
    CHECK(bytes.view().empty());
    bytes.append({});
    CHECK(FramePool::of_this_thread().outstanding() == before);
    std::string expected;
    for (int i = 0; i < 300; ++i) {
      const std::string piece(static_cast<std::size_t>(i % 131), static_cast<char>('a' + i % 26));
      bytes.append(piece);
      expected += piece;
      REQUIRE(bytes.size() == expected.size());
    }
    CHECK(bytes.view() == expected);
    bytes.append(std::string(100'000, 'x'));
    CHECK(bytes.size() == expected.size() + 100'000);

    PooledBytes other = std::move(bytes);
    CHECK(other.view().starts_with(expected));
    bytes = std::move(other);
    CHECK(bytes.view().starts_with(expected));
    bytes.clear();
    CHECK(bytes.size() == 0);
    bytes.append("again");
    CHECK(bytes.view() == "again");
  }
  CHECK(FramePool::of_this_thread().outstanding() == before);
}

}  // namespace
}  // namespace sluice::memory
