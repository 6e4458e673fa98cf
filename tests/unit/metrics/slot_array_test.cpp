#include "metrics/slot_array.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

namespace sluice::metrics {
namespace {

struct Cells {
  Counter hits;
  std::array<Counter, 3> kinds;
};
using Array = SlotArray<Cells>;

TEST_CASE("what was counted for a slot is found there, and nowhere else") {
  auto array = std::make_unique<Array>();
  const Slot slots[] = {{0, 1}, {1, 1}, {63, 1}, {64, 1}, {65, 2}, {1000, 7}, {slots_max - 1, 1}};
  for (const Slot& slot : slots) CHECK(array->find(slot) == nullptr);
  for (const Slot& slot : slots) {
    array->at(slot).hits.add(slot.index + 1);
    array->at(slot).kinds[2].add();
  }
  for (const Slot& slot : slots) {
    const Cells* cells = array->find(slot);
    REQUIRE(cells != nullptr);
    CHECK(cells->hits.value() == slot.index + 1);
    CHECK(cells->kinds[0].value() == 0);
    CHECK(cells->kinds[2].value() == 1);
  }
}

TEST_CASE("cells stay where they are while chunks are added") {
  auto array = std::make_unique<Array>();
  const Cells* first = &array->at({0, 1});
  for (std::uint32_t i = 0; i < 50 * Array::chunk_slots; ++i) array->at({i, 1}).hits.add();
  CHECK(array->find({0, 1}) == first);
  CHECK(first->hits.value() == 1);
}

TEST_CASE("a slot that changes hands begins at zero, and late counts of the identity before go nowhere") {
  auto array = std::make_unique<Array>();
  const Slot before{5, 1};
  const Slot after{5, 2};
  array->at(before).hits.add(10);
  array->at(before).kinds[1].add(10);
  // The one before may go on for as long as the next one has not counted anything here; nobody asks for it any more.
  CHECK(array->find(after) == nullptr);
  array->at(before).hits.add();
  CHECK(array->find(before)->hits.value() == 11);

  array->at(after).hits.add();
  CHECK(array->find(before) == nullptr);
  CHECK(array->find(after)->hits.value() == 1);
  CHECK(array->find(after)->kinds[1].value() == 0);
  array->at(before).hits.add(100);
  array->at(before).kinds[1].subtract(3);
  CHECK(array->find(after)->hits.value() == 1);
  CHECK(array->find(after)->kinds[1].value() == 0);
  // Numbers may be left out: a shard need not have seen every identity of a slot.
  array->at({5, 9}).hits.add(2);
  CHECK(array->find(after) == nullptr);
  CHECK(array->find({5, 9})->hits.value() == 2);
}

TEST_CASE("a slot that nobody gave out hurts nobody") {
  auto array = std::make_unique<Array>();
  array->at({}).hits.add(5);
  CHECK(array->find({0, 1}) == nullptr);
  array->at({0, 1}).hits.add();
  array->at({}).hits.add(5);
  CHECK(array->find({0, 1})->hits.value() == 1);
}

TEST_CASE("a reader beside the writer sees counts of the identity that it asks for, which only rise") {
  auto array = std::make_unique<Array>();
  constexpr std::uint32_t identities = 200;
  constexpr std::uint64_t counts = 500;
  std::atomic<std::uint32_t> current{1};
  std::atomic<bool> has_ended{false};
  std::uint64_t bad = 0;
  std::uint64_t seen = 0;
  std::thread reader([&] {
    while (!has_ended.load()) {
      const Slot slot{current.load(), current.load()};
      std::uint64_t last = 0;
      for (int i = 0; i < 50; ++i) {
        const Cells* cells = array->find(slot);
        const std::uint64_t value = cells == nullptr ? 0 : cells->hits.value();
        if (value < last || value > counts) ++bad;
        if (value != 0) ++seen;
        last = value;
      }
      // The one slot that changes hands: an older number is never asked for again.
      const std::uint32_t number = current.load();
      if (const Cells* cells = array->find({0, number}); cells != nullptr && cells->hits.value() > counts) ++bad;
    }
  });
  for (std::uint32_t number = 1; number <= identities; ++number) {
    current.store(number);
    for (std::uint64_t i = 0; i < counts; ++i) {
      array->at({number, number}).hits.add();
      array->at({0, number}).hits.add();
      if (number > 1) array->at({0, number - 1}).hits.add();  // late
    }
  }
  has_ended.store(true);
  reader.join();
  CHECK(bad == 0);
  CHECK(array->find({0, identities})->hits.value() == counts);
}

}  // namespace
}  // namespace sluice::metrics
