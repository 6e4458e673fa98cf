#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "runtime/loop.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/operation.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/task.hpp"
#include "runtime/wheel.hpp"

namespace sluice::runtime {
namespace {

struct Silent final : Timer {
  void on_deadline() override {}
};

Duration random_delay(Random& random) { return Duration(static_cast<std::int64_t>(random.below(60'000'000'000))); }

// What every wait of every request costs: a timer armed and, far before its time, disarmed. Argument: how many others
// are armed.
void arm_and_disarm(benchmark::State& state) {
  Wheel wheel{Instant()};
  Random random(1);
  std::vector<Silent> others(static_cast<std::size_t>(state.range(0)));
  for (Silent& other : others) wheel.arm(other, Instant() + random_delay(random));
  std::array<Instant, 1024> deadlines;
  for (Instant& deadline : deadlines) deadline = Instant() + random_delay(random);
  Silent timer;
  std::size_t i = 0;
  for (auto _ : state) {
    wheel.arm(timer, deadlines[i++ % deadlines.size()]);
    wheel.disarm(timer);
  }
  for (Silent& other : others) wheel.disarm(other);
}
BENCHMARK(arm_and_disarm)->Arg(0)->Arg(64)->Arg(10'000);

// Timers that live until they fire, cascades included; one item is one timer.
void arm_and_fire(benchmark::State& state) {
  Wheel wheel{Instant()};
  Random random(2);
  std::vector<Silent> timers(10'000);
  Instant now;
  for (auto _ : state) {
    for (Silent& timer : timers) wheel.arm(timer, now + random_delay(random));
    while (wheel.armed() != 0) {
      now = wheel.next_expiry();
      wheel.advance(now);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(timers.size()));
}
BENCHMARK(arm_and_fire);

// What each turn of a loop asks. Argument: how many timers are armed.
void next_expiry(benchmark::State& state) {
  Wheel wheel{Instant()};
  Random random(3);
  std::vector<Silent> timers(static_cast<std::size_t>(state.range(0)));
  for (Silent& timer : timers) wheel.arm(timer, Instant() + random_delay(random));
  for (auto _ : state) benchmark::DoNotOptimize(wheel.next_expiry());
  for (Silent& timer : timers) wheel.disarm(timer);
}
BENCHMARK(next_expiry)->Arg(0)->Arg(10'000);

// An exchange's use of the configuration: a look, a lease, the end of it.
void snapshot_lease(benchmark::State& state) {
  SnapshotPublisher<int> publisher(std::make_unique<int>(1), 1);
  SnapshotReader<int> reader(publisher.newest(), nullptr);
  for (auto _ : state) {
    reader.refresh();
    auto lease = reader.lease();
    benchmark::DoNotOptimize(*lease);
  }
}
BENCHMARK(snapshot_lease);

// A reload as one shard and the control thread see it.
void snapshot_publish(benchmark::State& state) {
  SnapshotPublisher<int> publisher(std::make_unique<int>(0), 1);
  SnapshotReader<int> reader(publisher.newest(), nullptr);
  int number = 0;
  for (auto _ : state) {
    publisher.publish(std::make_unique<int>(++number));
    reader.refresh();
    benchmark::DoNotOptimize(publisher.reclaim());
  }
}
BENCHMARK(snapshot_publish);

Task<int> give(int value) { co_return value; }
Task<void> await_many(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await give(1));
}

// One nested await: frame, two symmetric transfers.
void nested_await(benchmark::State& state) {
  auto loop = Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  (*loop)->spawn("bench", await_many(state));
}
BENCHMARK(nested_await);

// A turn of a loop that has nothing to do: the price of going to the kernel.
void idle_turn(benchmark::State& state) {
  auto loop = Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  for (auto _ : state) (*loop)->turn((*loop)->now());
}
BENCHMARK(idle_turn);

// A message to one's own mailbox and its delivery, without the turn around it.
void post_and_deliver(benchmark::State& state) {
  auto loop = Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  Mailbox& mailbox = (*loop)->mailbox();
  std::uintptr_t count = 0;
  const Message message{
      [](Loop&, std::uintptr_t first, std::uintptr_t) { ++*reinterpret_cast<std::uintptr_t*>(first); },
      reinterpret_cast<std::uintptr_t>(&count), 0};
  for (auto _ : state) {
    benchmark::DoNotOptimize(mailbox.post(message));
    mailbox.deliver();
  }
}
BENCHMARK(post_and_deliver);

}  // namespace
}  // namespace sluice::runtime
