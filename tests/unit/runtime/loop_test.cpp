#include "runtime/loop.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "base/death.hpp"
#include "memory/heap.hpp"
#include "runtime/loop_fixture.hpp"
#include "runtime/operation.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;

TEST_CASE("a loop that cannot be opened says why") {
  LoopSettings settings = LoopFixture::small();
  settings.submission_entries = 0;
  auto opened = Loop::open(settings);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().os_error != 0);
}

TEST_CASE("run ends once it was stopped and every root has ended") {
  LoopFixture fixture;
  bool ended = false;
  fixture.spawn([](Loop& loop, bool& out, Instant until) -> Task<void> {
    loop.stop();
    (void)co_await sleep_until(until);
    out = true;
  }(fixture.loop(), ended, fixture.soon()));
  CHECK(fixture.loop().is_stopping());
  fixture.loop().run();
  CHECK(ended);
  CHECK(fixture.loop().is_idle());
}

TEST_CASE("a message from another thread wakes a loop that waits without a limit") {
  LoopFixture fixture;
  // Each round meets the loop at another moment between working and sleeping.
  for (int round = 0; round < 200; ++round) {
    bool arrived = false;
    std::thread sender([&] {
      const Message message{[](Loop& loop, std::uintptr_t first, std::uintptr_t) {
                              *reinterpret_cast<bool*>(first) = true;
                              loop.stop();
                            },
                            reinterpret_cast<std::uintptr_t>(&arrived), 0};
      CHECK(fixture.loop().mailbox().post(message));
    });
    while (!arrived) fixture.loop().turn(Instant::never());
    sender.join();
  }
}

TEST_CASE("waiting for a batch ends with what there is, with and without a timer") {
  LoopSettings settings = LoopFixture::small();
  settings.batch_wait = std::chrono::microseconds(100);
  LoopFixture fixture(settings);
  for (bool has_timer : {true, false}) {
    CAPTURE(has_timer);
    bool arrived = false;
    auto read_one = [](int fd, std::uint64_t& count, bool& out, Instant deadline) -> Task<void> {
      CHECK(co_await operation(deadline, [fd, &count](io_uring_sqe* sqe) {
              io_uring_prep_read(sqe, fd, &count, sizeof count, 0);
            }) == sizeof count);
      out = true;
    };
    const int event = kernel::event_open();
    std::uint64_t count = 0;
    fixture.spawn(read_one(event, count, arrived, has_timer ? fixture.far() : Instant::never()));
    std::thread sender([event] { CHECK(kernel::event_signal(event) == 0); });
    // One completion is no whole batch; a turn without a limit must end all the same.
    while (!fixture.loop().is_idle()) fixture.loop().turn(Instant::never());
    CHECK(arrived);
    sender.join();
    kernel::close(event);
  }
}

TEST_CASE("a turn waits until its limit, not for ever") {
  LoopFixture fixture;
  const Instant limit = fixture.soon();
  while (fixture.loop().now() < limit) fixture.loop().turn(limit);
  CHECK(fixture.loop().counters().turns.load() > 0);
  CHECK(fixture.loop().wheel().next_expiry().is_never());
}

struct TurnCounter final : Loop::TurnEnd {
  void on_turn_end() override { ++turns; }
  int turns = 0;
};

TEST_CASE("observers are told at the end of each turn, until they leave") {
  LoopFixture fixture;
  TurnCounter first;
  TurnCounter second;
  fixture.loop().add_turn_end(first);
  fixture.loop().add_turn_end(second);
  fixture.settle(3);
  fixture.loop().remove_turn_end(first);
  fixture.settle(2);
  fixture.loop().remove_turn_end(second);
  fixture.settle(1);
  CHECK(first.turns == 3);
  CHECK(second.turns == 5);
}

TEST_CASE("a warm loop asks the heap for nothing") {
  LoopFixture fixture;
  auto work = [](int rounds, Instant past) -> Task<void> {
    for (int i = 0; i < rounds; ++i) (void)co_await sleep_until(past);
  };
  fixture.run(work(3, Instant()));
  const std::uint64_t before = memory::heap_allocations_of_this_thread();
  for (int i = 0; i < 5; ++i) fixture.run(work(3, Instant()));
  CHECK(memory::heap_allocations_of_this_thread() == before);
}

TEST_CASE("a loop does not end before its roots") {
  test::Death death = test::death_of([] {
    auto opened = Loop::open(LoopFixture::small());
    if (!opened) return;
    (*opened)->spawn("root", []() -> Task<void> { (void)co_await sleep_until(Instant::never()); }());
    opened->reset();
  });
  CHECK(death.died);
  CHECK(death.report.contains("roots() == 0"));
}

}  // namespace
}  // namespace sluice::runtime
