#include "base/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

#include "base/hash.hpp"

namespace sluice {
namespace {

TEST_CASE("numbers stay below their bound, and reach all of it") {
  const std::uint64_t bounds[] = {1, 2, 3, 7, 64, 1000, std::uint64_t{1} << 32, UINT64_MAX};
  for (std::uint64_t bound : bounds) {
    CAPTURE(bound);
    Random random(11);
    for (int i = 0; i < 1000; ++i) REQUIRE(random.below(bound) < bound);
  }
  std::array<int, 10> counts{};
  Random random(5);
  for (int i = 0; i < 10'000; ++i) ++counts[random.below(counts.size())];
  for (int count : counts) {
    CHECK(count > 850);
    CHECK(count < 1150);
  }
}

TEST_CASE("a seed replays, another one does not") {
  Random a(42), b(42), c(43);
  int differences = 0;
  for (int i = 0; i < 100; ++i) {
    std::uint64_t value = a.next();
    CHECK(value == b.next());
    differences += value != c.next() ? 1 : 0;
  }
  CHECK(differences == 100);
}

TEST_CASE("the published sequence of splitmix64") {
  Random random(1234567);
  const std::uint64_t expected[] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                    4593380528125082431U, 16408922859458223821U};
  for (std::uint64_t value : expected) CHECK(random.next() == value);
}

TEST_CASE("one in n, on average") {
  Random random(9);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) hits += random.one_in(10) ? 1 : 0;
  CHECK(hits > 850);
  CHECK(hits < 1150);
  for (int i = 0; i < 100; ++i) CHECK(random.one_in(1));
}

TEST_CASE("the published values of FNV-1a") {
  CHECK(hash_bytes("") == 0xcbf29ce484222325U);
  CHECK(hash_bytes("a") == 0xaf63dc4c8601ec8cU);
  CHECK(hash_bytes("foobar") == 0x85944171f73967e8U);
  CHECK(hash_bytes("bar", hash_bytes("foo")) == hash_bytes("foobar"));
  CHECK(hash_bytes("\xff") != hash_bytes("\x7f"));
}

}  // namespace
}  // namespace sluice
