#include "metrics/identities.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::metrics {
namespace {

Slot take(Identities& identities, std::string_view name) {
  const std::array<std::string_view, 1> names{name};
  return identities.take(names);
}

// Names them all and puts that into effect.
std::vector<Slot> configure(Identities& identities, const std::vector<std::string>& names) {
  std::vector<Slot> slots;
  slots.reserve(names.size());
  identities.begin();
  for (const std::string& name : names) slots.push_back(take(identities, name));
  identities.commit();
  return slots;
}

std::vector<std::string> labels_of(const Identities& identities) {
  std::vector<std::string> labels;
  for (const Identity& identity : *identities.in_effect()) labels.push_back(identity.labels);
  return labels;
}

TEST_CASE("an identity keeps its slot while every configuration names it") {
  Identities identities({"route"});
  CHECK(identities.in_effect()->empty());
  const auto first = configure(identities, {"a", "b", "c"});
  CHECK(labels_of(identities) == std::vector<std::string>{R"(route="a")", R"(route="b")", R"(route="c")"});
  const auto second = configure(identities, {"c", "d", "a"});
  CHECK(second[0] == first[2]);
  CHECK(second[2] == first[0]);
  CHECK(labels_of(identities) == std::vector<std::string>{R"(route="c")", R"(route="d")", R"(route="a")"});
  // b has gone in between: it is somebody else now.
  const auto third = configure(identities, {"a", "b", "c", "d"});
  CHECK(third[0] == first[0]);
  CHECK(third[2] == first[2]);
  CHECK(third[3] == second[1]);
  CHECK(third[1] != first[1]);
}

TEST_CASE("a slot is used again with a higher number, and never by two at a time") {
  Identities identities({"route"});
  Slot last;
  for (int i = 0; i < 100; ++i) {
    const Slot slot = configure(identities, {fmt::format("r{}", i)})[0];
    // Two slots take turns: the new name is there before the old one has gone.
    CHECK(slot.index < 2);
    CHECK(slot.reuse == static_cast<std::uint32_t>(i / 2 + 1));
    CHECK(slot != last);
    last = slot;
  }
  std::vector<std::string> names;
  names.reserve(500);
  for (int i = 0; i < 500; ++i) names.push_back(fmt::format("n{}", i));
  std::set<std::uint32_t> indices;
  for (const Slot& slot : configure(identities, names)) indices.insert(slot.index);
  CHECK(indices.size() == names.size());
}

TEST_CASE("what is not put into effect changes nothing") {
  Identities identities({"route"});
  const auto before = configure(identities, {"a", "b"});
  const auto list = identities.in_effect();
  identities.begin();
  CHECK(take(identities, "b") == before[1]);
  const Slot refused = take(identities, "new");
  identities.roll_back();
  CHECK(identities.in_effect() == list);
  CHECK(configure(identities, {"a", "b"}) == before);
  // The slot was never in use, and still its next owner is told apart.
  const Slot other = configure(identities, {"a", "b", "other"})[2];
  CHECK(other.index == refused.index);
  CHECK(other.reuse > refused.reuse);
}

TEST_CASE("a list stays as it is for whoever reads it") {
  Identities identities({"route"});
  configure(identities, {"a"});
  const auto list = identities.in_effect();
  configure(identities, {"b"});
  CHECK(list->size() == 1);
  CHECK(list->front().labels == R"(route="a")");
}

TEST_CASE("the same name twice is one identity") {
  Identities identities({"route"});
  const auto slots = configure(identities, {"a", "b", "a"});
  CHECK(slots[0] == slots[2]);
  CHECK(labels_of(identities) == std::vector<std::string>{R"(route="a")", R"(route="b")"});
}

TEST_CASE("labels, escaped as the text format wants them") {
  Identities identities({"upstream", "endpoint"});
  identities.begin();
  const std::array<std::string_view, 2> plain{"api", "127.0.0.1:9001"};
  const std::array<std::string_view, 2> odd{"a\"b", "c\\d\ne"};
  const std::array<std::string_view, 2> shifted{"a", "\"b,c"};
  CHECK(identities.take(plain) != identities.take(odd));
  CHECK(identities.take(shifted) != identities.take(odd));
  identities.commit();
  CHECK(labels_of(identities) == std::vector<std::string>{R"(upstream="api",endpoint="127.0.0.1:9001")",
                                                          R"(upstream="a\"b",endpoint="c\\d\ne")",
                                                          R"(upstream="a",endpoint="\"b,c")"});
  CHECK(escape_label("caf\xc3\xa9") == "caf\xc3\xa9");
}

TEST_CASE("more identities than there are slots are not counted") {
  Identities identities({"n"});
  std::vector<std::string> names;
  names.reserve(slots_max + 2);
  for (std::uint32_t i = 0; i < slots_max + 2; ++i) names.push_back(fmt::format("{}", i));
  const auto slots = configure(identities, names);
  CHECK(slots[slots_max - 1] == Slot{slots_max - 1, 1});
  CHECK(slots[slots_max] == Slot{});
  CHECK(slots[slots_max + 1] == Slot{});
  CHECK(identities.in_effect()->size() == slots_max);
  // Room again.
  CHECK(configure(identities, {"new"})[0] == Slot{});
  CHECK(configure(identities, {"newer"})[0] != Slot{});
}

}  // namespace
}  // namespace sluice::metrics
