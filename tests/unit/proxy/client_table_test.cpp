#include "proxy/client_table.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "memory/frame_pool.hpp"

namespace sluice::proxy {
namespace {

constexpr std::uint64_t seed = 7;

net::Address address(const std::string& text) {
  const std::optional<net::Address> parsed = net::Address::parse(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

TEST_CASE("a client has as many places as it may, and gets one back for each that it gives up") {
  ClientTable table(100, seed);
  const net::Address client = address("192.0.2.1:1000");
  auto first = table.admit(client, 2);
  auto second = table.admit(client, 2);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK_FALSE(table.admit(client, 2).has_value());
  CHECK(table.admit(address("192.0.2.2:1000"), 2).has_value());
  CHECK(table.clients() == 1);
  second.reset();
  auto third = table.admit(client, 2);
  CHECK(third.has_value());
  CHECK_FALSE(table.admit(client, 2).has_value());
  // The limit may change under those who are there.
  CHECK(table.admit(client, 3).has_value());
  CHECK_FALSE(table.admit(client, 1).has_value());
  CHECK(table.admit(client, std::nullopt).has_value());
  first.reset();
  third.reset();
  CHECK(table.clients() == 0);
}

TEST_CASE("who is one client, and who is another") {
  struct Row {
    std::string a;
    std::string b;
    bool is_same;
  };
  const Row rows[] = {
      {"192.0.2.1:1", "192.0.2.1:2", true},
      {"192.0.2.1:1", "192.0.2.2:1", false},
      {"192.0.2.1:1", "192.0.3.1:1", false},
      {"[2001:db8::1]:1", "[2001:db8::2]:1", true},
      {"[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:1", true},
      {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
      {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
      {"[::ffff:192.0.2.1]:1", "192.0.2.1:1", true},
      {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
      {"[::1]:1", "[::2]:1", true},
      {"[::1]:1", "0.0.0.0:1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    ClientTable table(1, seed);
    auto place = table.admit(address(row.a), 1);
    REQUIRE(place.has_value());
    CHECK(table.admit(address(row.b), 1).has_value() != row.is_same);
  }
}

TEST_CASE("who has no address is not counted") {
  ClientTable table(100, seed);
  std::vector<ClientTable::Ticket> places;
  for (int i = 0; i < 5; ++i) {
    auto place = table.admit(net::Address(), 1);
    REQUIRE(place.has_value());
    places.push_back(std::move(*place));
  }
  CHECK(table.clients() == 0);
}

TEST_CASE("many clients are told apart, and nothing is left of them") {
  const std::size_t before = memory::FramePool::of_this_thread().outstanding();
  {
    ClientTable table(10, seed);
    std::vector<ClientTable::Ticket> places;
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 5000; ++i) {
        auto place = table.admit(address(fmt::format("10.1.{}.{}:80", i / 250, i % 250)), 2);
        REQUIRE(place.has_value());
        places.push_back(std::move(*place));
      }
    }
    CHECK(table.clients() == 5000);
    CHECK_FALSE(table.admit(address("10.1.7.7:99"), 2).has_value());
    places.clear();
    CHECK(table.clients() == 0);
  }
  CHECK(memory::FramePool::of_this_thread().outstanding() == before);
}

}  // namespace
}  // namespace sluice::proxy
