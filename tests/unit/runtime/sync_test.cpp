#include "runtime/sync.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/outcome.hpp"
#include "runtime/loop_fixture.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;
using test::outcome;
using Trace = std::vector<std::string>;

Task<void> wait_for(Event& event, Trace& trace, std::string name, Instant deadline) {
  Result<void> waited = co_await event.wait(deadline);
  trace.push_back(name + ":" + std::string(outcome(waited)));
}

TEST_CASE("setting an event wakes everybody in their order, and lets later ones through") {
  LoopFixture fixture;
  Event event;
  Trace trace;
  for (const char* name : {"a", "b", "c"}) fixture.spawn(wait_for(event, trace, name, fixture.far()));
  fixture.settle();
  CHECK(trace.empty());
  CHECK_FALSE(event.is_set());
  event.set();
  CHECK(trace.empty());  // woken from the ready queue, not in here
  fixture.settle();
  CHECK(trace == Trace{"a:ok", "b:ok", "c:ok"});
  fixture.spawn(wait_for(event, trace, "d", fixture.far()));
  CHECK(trace.back() == "d:ok");
  event.reset();
  fixture.spawn(wait_for(event, trace, "e", fixture.far()));
  fixture.settle();
  CHECK(trace.back() == "d:ok");
  event.set();
  fixture.settle();
  CHECK(trace.back() == "e:ok");
}

TEST_CASE("an event's waiter times out alone") {
  LoopFixture fixture;
  Event event;
  Trace trace;
  fixture.spawn(wait_for(event, trace, "late", fixture.far()));
  fixture.spawn(wait_for(event, trace, "early", fixture.soon()));
  fixture.spawn(wait_for(event, trace, "past", Instant()));
  fixture.run_until([&] { return trace.size() == 2; });
  CHECK(trace == Trace{"past:timed_out", "early:timed_out"});
  event.set();
  fixture.settle();
  CHECK(trace.back() == "late:ok");
}

TEST_CASE("what was granted stays granted, though a cancel comes before it runs") {
  LoopFixture fixture;
  Event event;
  Trace trace;
  fixture.spawn(wait_for(event, trace, "a", fixture.far()));
  event.set();
  fixture.loop().cancel_roots();
  fixture.settle();
  CHECK(trace == Trace{"a:ok"});
}

TEST_CASE("a cancelled waiter leaves the queue at once") {
  LoopFixture fixture;
  Event event;
  Trace trace;
  fixture.spawn(wait_for(event, trace, "a", fixture.far()));
  fixture.loop().cancel_roots();
  event.set();
  fixture.settle();
  CHECK(trace == Trace{"a:cancelled"});
}

Task<void> hold(Semaphore& semaphore, Event& release, Trace& trace, std::string name, Instant deadline) {
  Result<void> acquired = co_await semaphore.acquire(deadline);
  trace.push_back(name + ":" + std::string(outcome(acquired)));
  if (!acquired) co_return;
  // Whatever happens meanwhile: who has a permit gives it back.
  (void)co_await release.wait(Instant::never());
  semaphore.release();
}

TEST_CASE("permits go to the longest waiting, and nobody overtakes") {
  LoopFixture fixture;
  Semaphore semaphore(2, 10);
  std::vector<Event> releases(5);
  Trace trace;
  const char* names[] = {"a", "b", "c", "d", "e"};
  for (std::size_t i = 0; i < 4; ++i) {
    fixture.spawn(hold(semaphore, releases[i], trace, names[i], fixture.far()));
  }
  CHECK(trace == Trace{"a:ok", "b:ok"});
  CHECK(semaphore.permits() == 0);
  releases[1].set();
  fixture.loop().turn(fixture.loop().now());
  // Between the release and the waiter's turn nobody else gets the permit.
  CHECK_FALSE(semaphore.try_acquire());
  fixture.spawn(hold(semaphore, releases[4], trace, names[4], fixture.far()));
  fixture.settle();
  CHECK(trace == Trace{"a:ok", "b:ok", "c:ok"});
  releases[0].set();
  fixture.settle();
  CHECK(trace.back() == "d:ok");
  releases[2].set();
  fixture.settle();
  CHECK(trace.back() == "e:ok");
  releases[3].set();
  releases[4].set();
  fixture.settle();
  CHECK(semaphore.permits() == 2);
  CHECK(trace.size() == 5);
}

TEST_CASE("the queue for permits is bounded, and a place in it is given back") {
  LoopFixture fixture;
  Semaphore semaphore(1, 2);
  Event release;
  Trace trace;
  fixture.spawn(hold(semaphore, release, trace, "holder", fixture.far()));
  fixture.spawn(hold(semaphore, release, trace, "times out", fixture.soon()));
  fixture.spawn(hold(semaphore, release, trace, "waits", fixture.far()));
  fixture.spawn(hold(semaphore, release, trace, "refused", fixture.far()));
  CHECK(trace == Trace{"holder:ok", "refused:exhausted"});
  fixture.run_until([&] { return trace.size() == 3; });
  CHECK(trace.back() == "times out:timed_out");
  fixture.spawn(hold(semaphore, release, trace, "second", fixture.far()));
  CHECK(trace.size() == 3);
  fixture.spawn(hold(semaphore, release, trace, "refused", fixture.far()));
  CHECK(trace.back() == "refused:exhausted");
  release.set();
  fixture.settle(8);
  CHECK(trace ==
        Trace{"holder:ok", "refused:exhausted", "times out:timed_out", "refused:exhausted", "waits:ok", "second:ok"});
  CHECK(semaphore.permits() == 1);
}

TEST_CASE("a permit that is handed to somebody cancelled is not lost") {
  LoopFixture fixture;
  Semaphore semaphore(1, 4);
  Event first;
  Event second;
  second.set();
  Trace trace;
  fixture.spawn(hold(semaphore, first, trace, "a", fixture.far()));
  fixture.spawn(hold(semaphore, second, trace, "b", fixture.far()));
  semaphore.release();  // on a's behalf: b is granted, and has not run yet
  fixture.loop().cancel_roots();
  fixture.settle(8);
  CHECK(trace == Trace{"a:ok", "b:ok"});
  CHECK(semaphore.permits() == 2);  // a's own, once cancelled, and b's
}

TEST_CASE("cancelled waiters take no permit") {
  LoopFixture fixture;
  Semaphore semaphore(1, 4);
  CHECK(semaphore.try_acquire());
  Event release;
  Trace trace;
  fixture.spawn(hold(semaphore, release, trace, "a", fixture.far()));
  fixture.spawn(hold(semaphore, release, trace, "b", fixture.far()));
  fixture.loop().cancel_roots();
  semaphore.release();
  fixture.settle();
  CHECK(trace == Trace{"a:cancelled", "b:cancelled"});
  CHECK(semaphore.permits() == 1);
}

using Numbers = Channel<std::unique_ptr<int>, 3>;

Task<void> send_all(Numbers& channel, int count, Trace& trace, Instant deadline) {
  for (int i = 0; i < count; ++i) {
    Result<void> sent = co_await channel.send(std::make_unique<int>(i), deadline);
    if (!sent) {
      trace.push_back("send:" + std::string(outcome(sent)));
      co_return;
    }
  }
  channel.close();
}

Task<void> receive_all(Numbers& channel, std::vector<int>& out, Trace& trace, Instant deadline) {
  for (;;) {
    Result<std::unique_ptr<int>> value = co_await channel.receive(deadline);
    if (!value) {
      trace.push_back("receive:" + std::string(outcome(value)));
      co_return;
    }
    out.push_back(**value);
  }
}

TEST_CASE("a channel keeps the order, whoever is faster") {
  for (bool sender_first : {true, false}) {
    LoopFixture fixture;
    Numbers channel;
    Trace trace;
    std::vector<int> received;
    if (sender_first) fixture.spawn(send_all(channel, 100, trace, fixture.far()));
    fixture.spawn(receive_all(channel, received, trace, fixture.far()));
    if (!sender_first) fixture.spawn(send_all(channel, 100, trace, fixture.far()));
    fixture.run_until([&] { return fixture.loop().is_idle(); });
    CHECK(trace == Trace{"receive:closed"});
    REQUIRE(received.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(received[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("a full channel makes the sender wait") {
  LoopFixture fixture;
  Numbers channel;
  for (int i = 0; i < 3; ++i) CHECK(channel.try_send(std::make_unique<int>(i)));
  auto fourth = std::make_unique<int>(3);
  CHECK_FALSE(channel.try_send(std::move(fourth)));
  CHECK(fourth != nullptr);  // NOLINT(bugprone-use-after-move): what was not sent is still the caller's
  Trace trace;
  fixture.spawn(send_all(channel, 1, trace, fixture.soon()));
  fixture.run_until([&] { return fixture.loop().roots() == 0; });
  CHECK(trace == Trace{"send:timed_out"});
  for (int i = 0; i < 3; ++i) CHECK(**channel.try_receive() == i);
  CHECK_FALSE(channel.try_receive().has_value());
}

TEST_CASE("waiting on a channel ends with its deadline, a cancel, or the end") {
  struct Row {
    const char* what;
    void (*action)(LoopFixture&, Numbers&);
    const char* outcome;
  };
  const Row rows[] = {
      {"cancel", [](LoopFixture& fixture, Numbers&) { fixture.loop().cancel_roots(); }, "cancelled"},
      {"close", [](LoopFixture&, Numbers& channel) { channel.close(); }, "closed"},
      {"deadline", [](LoopFixture&, Numbers&) {}, "timed_out"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    for (bool is_sender : {true, false}) {
      LoopFixture fixture;
      Numbers channel;
      Trace trace;
      std::vector<int> received;
      Instant deadline = std::string(row.what) == "deadline" ? fixture.soon() : fixture.far();
      if (is_sender) {
        fixture.spawn(send_all(channel, 4, trace, deadline));
      } else {
        fixture.spawn(receive_all(channel, received, trace, deadline));
      }
      row.action(fixture, channel);
      fixture.run_until([&] { return fixture.loop().roots() == 0; });
      CHECK(trace == Trace{std::string(is_sender ? "send:" : "receive:") + row.outcome});
    }
  }
}

TEST_CASE("a closed channel takes nothing, and gives what it holds") {
  LoopFixture fixture;
  Numbers channel;
  CHECK(channel.try_send(std::make_unique<int>(7)));
  channel.close();
  CHECK(channel.is_closed());
  CHECK_FALSE(channel.try_send(std::make_unique<int>(8)));
  Trace trace;
  std::vector<int> received;
  fixture.spawn(send_all(channel, 1, trace, fixture.far()));
  fixture.spawn(receive_all(channel, received, trace, fixture.far()));
  fixture.settle();
  CHECK(trace == Trace{"send:closed", "receive:closed"});
  CHECK(received == std::vector<int>{7});
}

}  // namespace
}  // namespace sluice::runtime
