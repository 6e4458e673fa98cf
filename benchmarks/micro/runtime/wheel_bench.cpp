#include "runtime/wheel.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "measured.hpp"

namespace sluice::micro {
namespace {

using namespace std::chrono_literals;
using runtime::Wheel;

struct Silent final : runtime::Timer {
  void on_deadline() override {}
};

// An idle connection whose timeout begins anew.
struct Recurring final : runtime::Timer {
  void on_deadline() override { wheel->arm(*this, *now + 60s); }
  Wheel* wheel = nullptr;
  const Instant* now = nullptr;
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
  for (auto _ : Measured(state)) {
    wheel.arm(timer, deadlines[i++ % deadlines.size()]);
    wheel.disarm(timer);
  }
  for (Silent& other : others) wheel.disarm(other);
}
BENCHMARK(arm_and_disarm)->Arg(0)->Arg(64)->Arg(10'000);

// A millisecond goes by. Argument: how many timers of 60 s are armed, each of which is armed again when it fires: with
// 10,000 of them, one in six turns fires one, and cascades bring them nearer.
void tick(benchmark::State& state) {
  Instant now;
  Wheel wheel{now};
  Random random(2);
  std::vector<Recurring> timers(static_cast<std::size_t>(state.range(0)));
  for (Recurring& timer : timers) {
    timer.wheel = &wheel;
    timer.now = &now;
    wheel.arm(timer, now + random_delay(random));
  }
  for (auto _ : Measured(state)) {
    now = now + 1ms;
    wheel.advance(now);
  }
  for (Recurring& timer : timers) wheel.disarm(timer);
}
BENCHMARK(tick)->Arg(0)->Arg(64)->Arg(10'000);

// A thousand timers that live until they fire, cascades included.
void arm_and_fire(benchmark::State& state) {
  Wheel wheel{Instant()};
  Random random(3);
  std::vector<Silent> timers(1000);
  Instant now;
  for (auto _ : Measured(state)) {
    for (Silent& timer : timers) wheel.arm(timer, now + random_delay(random));
    while (wheel.armed() != 0) {
      now = wheel.next_expiry();
      wheel.advance(now);
    }
  }
}
BENCHMARK(arm_and_fire);

// What each turn of a loop asks. Argument: how many timers are armed.
void next_expiry(benchmark::State& state) {
  Wheel wheel{Instant()};
  Random random(4);
  std::vector<Silent> timers(static_cast<std::size_t>(state.range(0)));
  for (Silent& timer : timers) wheel.arm(timer, Instant() + random_delay(random));
  for (auto _ : Measured(state)) benchmark::DoNotOptimize(wheel.next_expiry());
  for (Silent& timer : timers) wheel.disarm(timer);
}
BENCHMARK(next_expiry)->Arg(0)->Arg(10'000);

}  // namespace
}  // namespace sluice::micro
