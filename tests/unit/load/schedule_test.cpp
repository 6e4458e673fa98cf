#include "../../../tools/load/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using sluice::Duration;
using sluice::load::Schedule;

namespace {

constexpr std::int64_t second = 1'000'000'000;

struct Row {
  std::uint64_t rate;
  std::uint64_t connections;
  std::uint64_t threads;
};

}  // namespace

TEST_CASE("load: all threads together start the rate in every second, evenly") {
  const Row rows[] = {{1, 1, 1},   {10, 3, 1},       {1000, 64, 1},  {1000, 64, 4},
                      {999, 7, 3}, {12'345, 100, 7}, {5000, 1000, 2}};
  for (const Row& row : rows) {
    CAPTURE(row.rate);
    CAPTURE(row.threads);
    std::vector<std::int64_t> starts;
    std::uint64_t connections = 0;
    for (std::uint64_t thread = 0; thread < row.threads; ++thread) {
      const Schedule schedule(row.rate, row.connections, thread, row.threads);
      connections += Schedule::own_connections(row.connections, thread, row.threads);
      std::int64_t before = -1;
      for (std::uint64_t start = 0;; ++start) {
        const std::int64_t due = schedule.due(start).count();
        REQUIRE(due > before);
        before = due;
        if (due >= 2 * second) break;
        starts.push_back(due);
      }
    }
    CHECK(connections == row.connections);
    std::ranges::sort(starts);
    CHECK(starts.size() == 2 * row.rate);
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const auto exact = static_cast<std::int64_t>(i * static_cast<std::uint64_t>(second) / row.rate);
      REQUIRE(starts[i] == exact);
    }
  }
}

TEST_CASE("load: each connection has regular starts of its own") {
  const Schedule schedule(1000, 10, 1, 2);  // the odd connections of ten
  for (std::uint64_t connection = 0; connection < 5; ++connection) {
    for (std::uint64_t turn = 0; turn < 100; ++turn) {
      const auto wanted = static_cast<std::int64_t>(2 * connection + 1 + turn * 10) * 1'000'000;
      REQUIRE(schedule.due(connection, turn).count() == wanted);
    }
  }
  for (std::uint64_t start = 0; start < 500; ++start) {
    CHECK(schedule.connection_of(start) == start % 5);
    CHECK(schedule.due(start) == schedule.due(start % 5, start / 5));
  }
}

TEST_CASE("load: a schedule does not drift in a week") {
  const Schedule schedule(7, 1, 0, 1);
  constexpr std::uint64_t week_s = 7 * 24 * 3600;
  CHECK(schedule.due(7 * week_s).count() == static_cast<std::int64_t>(week_s) * second);
  const Schedule fast(100'000'000, 1, 0, 1);
  CHECK(fast.due(100'000'000 * week_s + 3).count() == static_cast<std::int64_t>(week_s) * second + 30);
}
