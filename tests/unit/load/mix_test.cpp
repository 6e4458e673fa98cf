#include "../../../tools/load/mix.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using sluice::load::Mix;
using sluice::load::order_by_weight;

TEST_CASE("load: a cycle has each URL as often as its weight says, evenly") {
  struct Row {
    std::vector<unsigned> weights;
    std::vector<std::uint32_t> order;
  };
  const Row rows[] = {
      {{1}, {0}},
      {{1000}, {0}},
      {{1, 1, 1}, {0, 1, 2}},
      {{2, 2}, {0, 1}},
      {{1, 3}, {1, 0, 1, 1}},
      {{5, 1, 1}, {0, 0, 1, 0, 2, 0, 0}},
      {{10, 20}, {1, 0, 1}},
  };
  for (const Row& row : rows) CHECK(order_by_weight(row.weights) == row.order);
}

TEST_CASE("load: several requests lie in one piece, also over the end of the cycle") {
  const std::vector<unsigned> weights{1, 2};
  const Mix mix({"a", "bb"}, weights, 4);
  REQUIRE(mix.cycle() == 3);
  for (std::size_t place = 0; place < 3; ++place) {
    std::string wanted;
    for (std::size_t count = 1, at = place; count <= 4; ++count, at = mix.next(at)) {
      wanted += mix.request_at(at) == 0 ? "a" : "bb";
      const Mix::Run run = mix.run_at(place, count);
      CHECK(run.count == count);
      CHECK(run.bytes == wanted);
    }
  }
}

TEST_CASE("load: long requests go out one by one") {
  const std::vector<unsigned> weights{1, 1};
  const std::string body(700'000, 'x');
  const Mix mix({"a" + body, "b" + body}, weights, 8);
  const Mix::Run run = mix.run_at(1, 5);
  CHECK(run.count == 1);
  CHECK(run.bytes == "b" + body);
}

TEST_CASE("load: ten thousand URLs make a cycle of that length") {
  const std::vector<unsigned> weights(10'000, 3);
  const std::vector<std::uint32_t> order = order_by_weight(weights);
  REQUIRE(order.size() == 10'000);
  CHECK(order.back() == 9'999);
}
