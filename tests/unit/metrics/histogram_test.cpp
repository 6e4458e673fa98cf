#include "metrics/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sluice::metrics {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a duration lies in the first bucket whose bound it does not exceed") {
  struct Row {
    Duration duration;
    std::size_t bucket;
  };
  const Row rows[] = {
      {0ns, 0},  {1ns, 0},        {500us, 0}, {500us + 1ns, 1}, {1ms, 1},  {2500us, 2}, {3ms, 3},
      {10ms, 4}, {25ms, 5},       {51ms, 7},  {100ms, 7},       {1s, 10},  {2s, 11},    {5s, 12},
      {10s, 13}, {10s + 1ns, 14}, {60s, 14},  {61s, 15},        {24h, 15},
  };
  for (const Row& row : rows) {
    CAPTURE(row.duration.count());
    DurationHistogram histogram;
    histogram.add(row.duration);
    for (std::size_t i = 0; i < histogram.buckets.size(); ++i) CHECK(histogram.buckets[i].value() == (i == row.bucket));
    CHECK(histogram.sum_ns.value() == static_cast<std::uint64_t>(row.duration.count()));
  }
}

TEST_CASE("the bounds rise") { CHECK(std::ranges::is_sorted(DurationHistogram::bounds, std::ranges::less_equal{})); }

}  // namespace
}  // namespace sluice::metrics
