#include "base/list.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/death.hpp"
#include "base/random.hpp"

namespace sluice {
namespace {

// Two hooks with something before and between them: the owner is found by the hook's place.
struct Item {
  explicit Item(int number) : name(number) {}
  int name;
  ListHook first;
  std::string padding = "between";
  ListHook second;
};
using First = List<Item, &Item::first>;
using Second = List<Item, &Item::second>;

template <class L>
std::vector<int> names(const L& list) {
  std::vector<int> result;
  for (Item* item = list.front(); item != nullptr; item = list.next(*item)) result.push_back(item->name);
  return result;
}

template <class L>
void clear(L& list) {
  while (list.pop_front() != nullptr) continue;
}

using Names = std::vector<int>;

TEST_CASE("an empty list has no ends") {
  First list;
  CHECK(list.is_empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  CHECK(list.pop_front() == nullptr);
}

TEST_CASE("items come out in the order of their places") {
  Item a(1), b(2), c(3), d(4);
  First list;
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  list.push_back(d);
  CHECK(names(list) == Names{1, 2, 3, 4});
  CHECK(list.front() == &a);
  CHECK(list.back() == &d);
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(a.first.is_linked());
  CHECK(names(list) == Names{2, 3, 4});
  clear(list);
  CHECK(list.is_empty());
}

TEST_CASE("unlinking takes one out wherever it is") {
  for (int place = 0; place < 3; ++place) {
    Item items[] = {Item(0), Item(1), Item(2)};
    First list;
    for (Item& item : items) list.push_back(item);
    items[place].first.unlink();
    CHECK_FALSE(items[place].first.is_linked());
    Names rest{0, 1, 2};
    rest.erase(rest.begin() + place);
    CHECK(names(list) == rest);
    list.push_back(items[place]);
    CHECK(list.back() == &items[place]);
    clear(list);
  }
}

TEST_CASE("an item is in one list for each hook") {
  Item a(1), b(2);
  First list;
  Second other;
  list.push_back(a);
  list.push_back(b);
  other.push_back(b);
  other.push_back(a);
  CHECK(names(list) == Names{1, 2});
  CHECK(names(other) == Names{2, 1});
  a.first.unlink();
  CHECK(names(list) == Names{2});
  CHECK(names(other) == Names{2, 1});
  clear(list);
  clear(other);
}

TEST_CASE("splicing moves everything behind what is here") {
  Item items[] = {Item(0), Item(1), Item(2), Item(3)};
  First to;
  First from;
  to.splice_back(from);
  CHECK(to.is_empty());
  from.push_back(items[2]);
  from.push_back(items[3]);
  to.splice_back(from);
  CHECK(names(to) == Names{2, 3});
  from.push_back(items[0]);
  from.push_back(items[1]);
  to.splice_back(from);
  CHECK(from.is_empty());
  CHECK(names(to) == Names{2, 3, 0, 1});
  clear(to);
}

TEST_CASE("a list agrees with a vector, whatever is done to it") {
  Random random(3);
  std::deque<Item> items;
  for (int i = 0; i < 16; ++i) items.emplace_back(i);
  First list;
  Names model;
  for (int step = 0; step < 5000; ++step) {
    Item& item = items[random.below(items.size())];
    if (item.first.is_linked()) {
      item.first.unlink();
      std::erase(model, item.name);
    } else if (random.one_in(2)) {
      list.push_back(item);
      model.push_back(item.name);
    } else {
      list.push_front(item);
      model.insert(model.begin(), item.name);
    }
    REQUIRE(names(list) == model);
    REQUIRE(list.is_empty() == model.empty());
  }
  clear(list);
}

TEST_CASE("broken promises end the program") {
  struct Row {
    const char* what;
    void (*action)();
  };
  const Row rows[] = {
      {"linking twice",
       [] {
         static Item item(1);
         static First list;
         list.push_back(item);
         list.push_back(item);
       }},
      {"a linked hook ends",
       [] {
         static First list;
         Item item(1);
         list.push_back(item);
       }},
      {"a list ends with something in it",
       [] {
         static Item item(1);
         First list;
         list.push_back(item);
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    test::Death death = test::death_of(row.action);
    CHECK(death.died);
    CHECK(death.report.contains("assertion failed"));
  }
}

}  // namespace
}  // namespace sluice
