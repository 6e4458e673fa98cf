#include "base/clock.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST_CASE("adding saturates at never") {
  struct Row {
    Instant from;
    Duration by;
    Instant sum;
  };
  const Row rows[] = {
      {Instant(), 0ns, Instant()},
      {Instant::from_ns(5), 2ns, Instant::from_ns(7)},
      {Instant::from_ns(5), -2ns, Instant::from_ns(3)},
      {Instant::from_ns(INT64_MAX - 10), 9ns, Instant::from_ns(INT64_MAX - 1)},
      {Instant::from_ns(INT64_MAX - 10), 10ns, Instant::never()},
      {Instant::from_ns(INT64_MAX - 10), 11ns, Instant::never()},
      {Instant::from_ns(1), Duration::max(), Instant::never()},
      {Instant::never(), 1ns, Instant::never()},
      {Instant::never(), Duration::max(), Instant::never()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from.ns());
    CAPTURE(row.by.count());
    CHECK((row.from + row.by).ns() == row.sum.ns());
  }
}

TEST_CASE("never is later than everything, and nothing else is never") {
  CHECK(Instant::never().is_never());
  CHECK_FALSE(Instant().is_never());
  CHECK_FALSE(Instant::from_ns(INT64_MAX - 1).is_never());
  CHECK(Instant::from_ns(INT64_MAX - 1) < Instant::never());
  CHECK(Instant::from_ns(-1) < Instant());
  CHECK((Instant::from_ns(7) - Instant::from_ns(10)) == -3ns);
}

}  // namespace
}  // namespace sluice
