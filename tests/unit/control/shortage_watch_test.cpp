#include "control/shortage_watch.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a shortage is told once when it begins and once when it is over") {
  struct Row {
    Duration at;
    std::uint64_t count;
    std::string_view news;
    std::uint64_t since_begin;
  };
  const Row rows[] = {
      {0s, 0, "none", 0},
      {1s, 0, "none", 0},
      {2s, 3, "begins", 3},  // three at once
      {3s, 100, "none", 100},
      {4s, 100, "none", 100},
      {13s, 100, "is_over", 100},  // ten seconds after it moved
                                   // last
      {14s, 100, "none", 100},
      {100s, 100, "none", 100},
      {101s, 101, "begins", 1},
      {110s, 102, "none", 2},
      {119s, 102, "none", 2},  // it moved nine seconds ago
      {120s, 102, "is_over", 2},
  };
  ShortageWatch watch;
  const Instant start = Instant::from_ns(1'000'000'000);
  for (const Row& row : rows) {
    CAPTURE(row.at.count());
    CHECK(to_string(watch.look(row.count, start + row.at)) == row.news);
    CHECK(watch.since_begin() == row.since_begin);
  }
}

}  // namespace
}  // namespace sluice::control
