#include "runtime/turn_watch.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace sluice::runtime {
namespace {

using namespace std::chrono_literals;

TEST_CASE("each turn that takes too long is reported once, and its end once") {
  struct Row {
    std::int64_t busy_since_ms;  // 0: it waits
    std::int64_t now_ms;
    std::string_view news;
    std::uint64_t reports;
  };
  const Row rows[] = {
      {0, 10'000, "", 0},
      {10'000, 10'499, "", 0},
      {10'000, 10'500, "has been in one turn of its loop for 0.500 s, at \"timers\"", 1},
      {10'000, 10'700, "", 1},
      {10'000, 20'000, "", 1},
      {0, 20'100, "goes on: that turn took about 10.100 s", 1},
      {0, 30'000, "", 1},
      {30'000, 30'600, "has been in one turn of its loop for 0.600 s, at \"timers\"", 2},
      {30'700, 30'800, "goes on: that turn took about 0.800 s", 2},  // another turn, and not a long one
      {30'700, 31'200, "has been in one turn of its loop for 0.500 s, at \"timers\"", 3},
  };
  Activity activity;
  activity.stage = "timers";
  TurnWatch watch(activity, 500ms);
  for (const Row& row : rows) {
    CAPTURE(row.now_ms);
    activity.busy_since_ns = row.busy_since_ms * 1'000'000;
    CHECK(watch.look(Instant::from_ns(row.now_ms * 1'000'000)).value_or("") == row.news);
    CHECK(watch.reports() == row.reports);
  }
}

TEST_CASE("a strand that runs is named with its phase") {
  Activity activity;
  activity.busy_since_ns = 1'000'000'000;
  activity.stage = "completions";
  activity.kind = "client";
  activity.phase = "receiving request head";
  TurnWatch watch(activity, 500ms);
  CHECK(watch.look(Instant::from_ns(2'000'000'000)).value_or("") ==
        "has been in one turn of its loop for 1.000 s, running \"client\" in the phase \"receiving request head\"");
}

}  // namespace
}  // namespace sluice::runtime
