#include "runtime/scope.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/death.hpp"
#include "base/outcome.hpp"
#include "runtime/loop_fixture.hpp"
#include "runtime/operation.hpp"
#include "runtime/sync.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;
using Trace = std::vector<std::string>;

Task<void> child(Trace& trace, Event& event, std::string name, Instant deadline) {
  Result<void> waited = co_await event.wait(deadline);
  trace.push_back(name + ":" + std::string(test::outcome(waited)));
}

struct Family {
  Trace trace;
  std::array<Event, 3> events;
  bool joined = false;
};

Task<void> parent(Family& family, Instant deadline) {
  Scope scope(co_await this_strand());
  const char* names[] = {"a", "b", "c"};
  for (std::size_t i = 0; i < 3; ++i) scope.spawn("child", child(family.trace, family.events[i], names[i], deadline));
  CHECK(scope.has_children());
  co_await scope.join();
  CHECK_FALSE(scope.has_children());
  family.joined = true;
}

TEST_CASE("join waits for every child, in whichever order they end") {
  std::array<std::size_t, 3> order{0, 1, 2};
  do {
    LoopFixture fixture;
    Family family;
    fixture.spawn(parent(family, fixture.far()));
    Trace expected;
    for (std::size_t index : order) {
      CHECK_FALSE(family.joined);
      family.events[index].set();
      fixture.settle();
      expected.push_back(std::string(1, static_cast<char>('a' + index)) + ":ok");
    }
    CHECK(family.joined);
    CHECK(family.trace == expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a scope without children joins at once") {
  LoopFixture fixture;
  bool joined = false;
  fixture.run([](bool& out) -> Task<void> {
    Scope scope(co_await this_strand());
    co_await scope.join();
    scope.spawn("quick", []() -> Task<void> { co_return; }());
    CHECK_FALSE(scope.has_children());
    co_await scope.join();
    co_await scope.join();
    out = true;
  }(joined));
  CHECK(joined);
}

TEST_CASE("cancelling a scope reaches its children, the later ones too") {
  LoopFixture fixture;
  Family family;
  fixture.run([](Family& out, Instant deadline) -> Task<void> {
    Strand& strand = co_await this_strand();
    Scope scope(strand);
    scope.spawn("child", child(out.trace, out.events[0], "a", deadline));
    scope.cancel();
    scope.spawn("child", child(out.trace, out.events[1], "b", deadline));
    scope.cancel();
    co_await scope.join();
    CHECK_FALSE(strand.is_cancelled());
    out.joined = true;
  }(family, fixture.far()));
  CHECK(family.joined);
  CHECK(family.trace == Trace{"a:cancelled", "b:cancelled"});
}

TEST_CASE("cancelling a strand reaches through join, down to grandchildren") {
  LoopFixture fixture;
  Family family;
  fixture.spawn([](Family& out, Instant deadline) -> Task<void> {
    Scope scope(co_await this_strand());
    scope.spawn("child", parent(out, deadline));
    co_await scope.join();
    out.trace.push_back("outer");
  }(family, fixture.far()));
  fixture.settle();
  CHECK(family.trace.empty());
  fixture.loop().cancel_roots();
  CHECK(family.trace.empty());  // nobody is resumed by a cancel itself
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(family.joined);
  CHECK(family.trace == Trace{"a:cancelled", "b:cancelled", "c:cancelled", "outer"});
}

TEST_CASE("a strand that is cancelled already cancels what it joins") {
  LoopFixture fixture;
  Family family;
  Event gate;
  fixture.spawn([](Family& out, Event& opened, Instant deadline) -> Task<void> {
    Scope scope(co_await this_strand());
    scope.spawn("child", child(out.trace, out.events[0], "a", deadline));
    CHECK(test::outcome(co_await opened.wait(deadline)) == "cancelled");
    CHECK(out.trace.empty());  // until it joins, its children are its own business
    co_await scope.join();
    out.joined = true;
  }(family, gate, fixture.far()));
  fixture.settle();
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(family.joined);
  CHECK(family.trace == Trace{"a:cancelled"});
}

TEST_CASE("a race: the first one cancels the others, and all are joined") {
  LoopFixture fixture;
  Family family;
  fixture.spawn([](Family& out, Instant deadline) -> Task<void> {
    Scope scope(co_await this_strand());
    for (Event& event : out.events) {
      scope.spawn("racer", [](Scope& all, Event& mine, Trace& trace, Instant until) -> Task<void> {
        Result<void> won = co_await mine.wait(until);
        trace.push_back(std::string(test::outcome(won)));
        if (won) all.cancel();
      }(scope, event, out.trace, deadline));
    }
    co_await scope.join();
    out.joined = true;
  }(family, fixture.far()));
  fixture.settle();
  family.events[1].set();
  fixture.run_until([&] { return family.joined; });
  CHECK(family.trace == Trace{"ok", "cancelled", "cancelled"});
}

TEST_CASE("a cancelled strand waits for nothing any more") {
  LoopFixture fixture;
  Event never;
  Trace trace;
  fixture.spawn([](Event& event, Trace& out, Instant deadline) -> Task<void> {
    for (int i = 0; i < 3; ++i) out.push_back(std::string(test::outcome(co_await event.wait(deadline))));
    out.push_back(std::string(test::outcome(co_await sleep_until(deadline))));
  }(never, trace, fixture.far()));
  fixture.loop().cancel_roots();
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(trace == Trace{"cancelled", "cancelled", "cancelled", "cancelled"});
}

TEST_CASE("a scope that is not joined ends the program") {
  test::Death death = test::death_of([] {
    auto opened = Loop::open(LoopFixture::small());
    if (!opened) return;
    static Event never;
    (*opened)->spawn("careless", []() -> Task<void> {
      Scope scope(co_await this_strand());
      scope.spawn("child", []() -> Task<void> { (void)co_await never.wait(Instant::never()); }());
    }());
  });
  CHECK(death.died);
  CHECK(death.report.contains("is_empty()"));
}

}  // namespace
}  // namespace sluice::runtime
