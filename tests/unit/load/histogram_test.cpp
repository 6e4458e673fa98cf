#include "../../../tools/load/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/random.hpp"

using sluice::Duration;
using sluice::Random;
using sluice::load::Histogram;

TEST_CASE("load: an empty histogram says nothing") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  for (double percent : {0.0, 50.0, 100.0}) CHECK(histogram.percentile(percent) == Duration(0));
  CHECK(histogram.smallest() == Duration(0));
  CHECK(histogram.largest() == Duration(0));
  CHECK(histogram.mean() == Duration(0));
  CHECK(histogram.deviation() == Duration(0));
}

TEST_CASE("load: the error of a histogram is less than one percent, over its whole range") {
  Random random(7);
  for (std::int64_t ns = 1; ns < Histogram::longest().count(); ns = ns * 5 / 4 + 1) {
    for (std::int64_t value :
         {ns - 1, ns, ns + static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(ns))}) {
      if (value > Histogram::longest().count()) continue;
      Histogram histogram;
      histogram.add(Duration(value));
      histogram.add(Histogram::longest());  // so that the maximum does not help
      const std::int64_t seen = histogram.percentile(50).count();
      CAPTURE(value);
      REQUIRE(seen >= value);
      REQUIRE(static_cast<double>(seen - value) <= 0.01 * static_cast<double>(value));
    }
  }
}

TEST_CASE("load: percentiles are those of the sorted values") {
  Random random(11);
  std::vector<std::int64_t> values;
  Histogram histogram;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<std::int64_t>(random.next() >> (24 + random.next() % 24));
    values.push_back(value);
    histogram.add(Duration(value));
  }
  std::ranges::sort(values);
  for (double percent : {0.1, 10.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20'000 - 1e-6));
    const std::int64_t exact = values[rank - 1];
    const std::int64_t seen = histogram.percentile(percent).count();
    CAPTURE(percent);
    CHECK(seen >= exact);
    CHECK(static_cast<double>(seen) <= 1.01 * static_cast<double>(exact));
  }
  CHECK(histogram.count() == 20'000);
  CHECK(histogram.smallest().count() == values.front());
  CHECK(histogram.largest().count() == values.back());
}

TEST_CASE("load: one in ten thousand shows at p99.99 and not below") {
  Histogram histogram;
  for (int i = 0; i < 9'999; ++i) histogram.add(Duration(1000));
  histogram.add(Duration(5'000'000));
  CHECK(histogram.percentile(99.99).count() <= 1010);
  CHECK(histogram.percentile(100).count() == 5'000'000);
  histogram.add(Duration(5'000'000));
  CHECK(histogram.percentile(99.99).count() == 5'000'000);
}

TEST_CASE("load: what lies outside the range counts at its end") {
  Histogram histogram;
  histogram.add(Duration(-5));
  CHECK(histogram.largest() == Duration(0));
  histogram.add(Duration::max());
  CHECK(histogram.largest() == Histogram::longest());
  CHECK(histogram.percentile(100) == Histogram::longest());
}

TEST_CASE("load: histograms add up") {
  Histogram all;
  Histogram first;
  Histogram second;
  for (std::int64_t ns = 1; ns < 1'000'000; ns = ns * 3 / 2 + 1) {
    all.add(Duration(ns));
    (ns % 2 == 0 ? first : second).add(Duration(ns));
  }
  first.add(second);
  CHECK(first.count() == all.count());
  CHECK(first.mean() == all.mean());
  CHECK(first.deviation() == all.deviation());
  CHECK(first.smallest() == all.smallest());
  CHECK(first.largest() == all.largest());
  for (double percent : {25.0, 50.0, 99.0}) CHECK(first.percentile(percent) == all.percentile(percent));
}

TEST_CASE("load: mean and deviation") {
  Histogram histogram;
  for (std::int64_t ns : {2, 4, 4, 4, 5, 5, 7, 9}) histogram.add(Duration(ns));
  CHECK(histogram.mean() == Duration(5));
  CHECK(histogram.deviation() == Duration(2));
}
