#include "runtime/wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace sluice::runtime {
namespace {

using namespace std::chrono_literals;

constexpr Duration tick{1 << 20};

struct Alarm final : Timer {
  void on_deadline() override { ++fired; }
  int fired = 0;
};

// Arms itself again each time, `left` more times.
struct Repeating final : Timer {
  Repeating(Wheel& owner, Duration interval) : wheel(owner), period(interval) {}
  void on_deadline() override {
    ++fired;
    if (left-- > 0) wheel.arm(*this, now + period);
  }
  Wheel& wheel;
  Duration period;
  Instant now;
  int left = 0;
  int fired = 0;
};

struct Disarming final : Timer {
  void on_deadline() override {
    ++fired;
    for (Alarm* other : others) {
      if (other->is_armed()) wheel->disarm(*other);
    }
  }
  Wheel* wheel = nullptr;
  std::vector<Alarm*> others;
  int fired = 0;
};

TEST_CASE("a timer fires once, not before its deadline and at most one tick behind it") {
  const Instant starts[] = {Instant(), Instant::from_ns(1), Instant::from_ns((std::int64_t{1} << 20) * 63),
                            Instant::from_ns((std::int64_t{1} << 50) - 1), Instant::from_ns(1'000'000'000'000'000)};
  const Duration delays[] = {0ns, 1ns, tick - 1ns, tick,        tick + 1ns,  2 * tick, 63 * tick, 64 * tick, 65 * tick,
                             1s,  10s, 60s,        4095 * tick, 4096 * tick, 1h,       6h,        24h,       100h};
  for (Instant start : starts) {
    for (Duration delay : delays) {
      CAPTURE(start.ns());
      CAPTURE(delay.count());
      Wheel wheel(start);
      Alarm alarm;
      const Instant deadline = start + delay;
      wheel.arm(alarm, deadline);
      CHECK(wheel.armed() == 1);
      wheel.advance(std::max(start, deadline + -1ns));
      CHECK(alarm.fired == 0);
      wheel.advance(deadline + tick);
      CHECK(alarm.fired == 1);
      CHECK_FALSE(alarm.is_armed());
      CHECK(wheel.armed() == 0);
      wheel.advance(deadline + 1000h);
      CHECK(alarm.fired == 1);
    }
  }
}

TEST_CASE("a deadline that has passed fires with the next tick") {
  Wheel wheel(Instant::from_ns(5'000'000'000));
  Alarm alarm;
  wheel.arm(alarm, Instant());
  wheel.advance(Instant::from_ns(5'000'000'000));
  CHECK(alarm.fired == 0);
  wheel.advance(Instant::from_ns(5'000'000'000) + tick);
  CHECK(alarm.fired == 1);
}

TEST_CASE("what is too far away, and never, is six days") {
  const Instant deadlines[] = {Instant::never(), Instant::from_ns(INT64_MAX - 1), Instant() + 24h * 365};
  constexpr Duration span = tick * (std::int64_t{1} << 29);
  for (Instant deadline : deadlines) {
    Wheel wheel{Instant()};
    Alarm alarm;
    wheel.arm(alarm, deadline);
    wheel.advance(Instant() + (span - tick));
    CHECK(alarm.fired == 0);
    wheel.advance(Instant() + span);
    CHECK(alarm.fired == 1);
  }
}

TEST_CASE("a disarmed timer does not fire") {
  const Duration delays[] = {1ms, 100ms, 5s, 300s, 10h, 100h};
  for (Duration delay : delays) {
    Wheel wheel{Instant()};
    Alarm alarm;
    Alarm other;
    wheel.arm(alarm, Instant() + delay);
    wheel.arm(other, Instant() + delay);
    wheel.disarm(alarm);
    CHECK_FALSE(alarm.is_armed());
    CHECK(wheel.armed() == 1);
    wheel.advance(Instant() + 200h);
    CHECK(alarm.fired == 0);
    CHECK(other.fired == 1);
    CHECK(wheel.next_expiry().is_never());
  }
}

TEST_CASE("one that fires may disarm others that are due in the same turn") {
  Wheel wheel{Instant()};
  std::vector<Alarm> alarms(8);
  Disarming first;
  first.wheel = &wheel;
  wheel.arm(first, Instant() + 10ms);
  for (Alarm& alarm : alarms) {
    wheel.arm(alarm, Instant() + 10ms);
    first.others.push_back(&alarm);
  }
  wheel.advance(Instant() + 1s);
  CHECK(first.fired == 1);
  for (const Alarm& alarm : alarms) CHECK(alarm.fired == 0);
  CHECK(wheel.armed() == 0);
}

TEST_CASE("one that fires may arm itself again, however late the turn is") {
  Wheel wheel{Instant()};
  Repeating repeating(wheel, 3ms);
  repeating.left = 9;
  wheel.arm(repeating, Instant() + 3ms);
  for (int turn = 1; repeating.is_armed() && turn < 1000; ++turn) {
    repeating.now = Instant() + turn * 10ms;
    int before = repeating.fired;
    wheel.advance(repeating.now);
    CHECK(repeating.fired <= before + 1);  // from its own now: not again within the same turn
  }
  CHECK(repeating.fired == 10);

  // A deadline that lies behind is met tick by tick, and does not keep advance() for ever.
  repeating.now = Instant();
  repeating.left = 1'000'000;
  wheel.arm(repeating, Instant() + 20s);
  int before = repeating.fired;
  wheel.advance(Instant() + 21s);
  CHECK(repeating.fired > before);
  CHECK(repeating.fired <= before + 1000);
  wheel.disarm(repeating);
}

TEST_CASE("next_expiry is when there is something to do") {
  Wheel wheel{Instant()};
  CHECK(wheel.next_expiry().is_never());
  Alarm alarm;
  const Duration delays[] = {0ns, 1ms, 63 * tick, 64 * tick, 5s, 10h, 130h};
  for (Duration delay : delays) {
    CAPTURE(delay.count());
    Instant deadline = wheel.next_expiry().is_never() ? Instant() + delay : Instant();
    Wheel fresh{Instant()};
    fresh.arm(alarm, deadline);
    // Following it leads to the deadline: a few steps down the levels, each of them ahead, none beyond.
    int steps = 0;
    Instant last;
    while (alarm.fired == 0) {
      Instant next = fresh.next_expiry();
      REQUIRE(next > last);
      REQUIRE(next <= deadline + tick);
      fresh.advance(next);
      last = next;
      ++steps;
    }
    CHECK(last > deadline);
    CHECK(steps <= 5);
    CHECK(fresh.next_expiry().is_never());
    alarm.fired = 0;
  }
}

// What: what a wheel should do, said with a sorted set.
class Model {
 public:
  struct Entry final : Timer {
    void on_deadline() override { model->on_fired(*this); }
    Model* model = nullptr;
    std::size_t index = 0;
    Instant due;
  };

  explicit Model(std::uint64_t seed) : random_(seed), now_(Instant::from_ns(1 << 30)), wheel_(now_) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      entries_[i].model = this;
      entries_[i].index = i;
    }
  }
  ~Model() {
    for (Entry& entry : entries_) {
      if (entry.is_armed()) wheel_.disarm(entry);
    }
  }

  void step() {
    Entry& entry = entries_[random_.below(entries_.size())];
    switch (random_.below(4)) {
      case 0:
      case 1:
        if (!entry.is_armed()) arm(entry);
        break;
      case 2:
        if (entry.is_armed()) disarm(entry);
        break;
      default:
        advance(now_ + step_length());
    }
    REQUIRE(wheel_.armed() == by_due_.size());
    if (by_due_.empty()) {
      REQUIRE(wheel_.next_expiry().is_never());
    } else {
      // Never behind the first deadline, so that nobody oversleeps.
      REQUIRE(wheel_.next_expiry() <= by_due_.begin()->first + tick);
    }
  }
  [[nodiscard]] std::uint64_t fired() const { return fired_; }

 private:
  // Of every order of magnitude, up to six days.
  Duration delay() { return Duration(static_cast<std::int64_t>(random_.below(std::uint64_t{1} << random_.below(50)))); }
  Duration step_length() {
    if (random_.one_in(20) && !by_due_.empty()) return wheel_.next_expiry() - now_;
    return Duration(
        static_cast<std::int64_t>(random_.below(std::uint64_t{1} << random_.below(random_.one_in(50) ? 49 : 34))));
  }
  void arm(Entry& entry) {
    entry.due = now_ + delay();
    wheel_.arm(entry, entry.due);
    by_due_.insert({entry.due, entry.index});
  }
  void disarm(Entry& entry) {
    wheel_.disarm(entry);
    by_due_.erase({entry.due, entry.index});
  }
  void advance(Instant to) {
    now_ = std::max(now_, to);
    wheel_.advance(now_);
    // Whatever lies more than a tick behind has fired.
    REQUIRE((by_due_.empty() || by_due_.begin()->first + tick >= now_));
  }
  void on_fired(Entry& entry) {
    ++fired_;
    if (entry.due > now_) early_ = true;
    REQUIRE_FALSE(early_);
    REQUIRE(by_due_.erase({entry.due, entry.index}) == 1);
    if (random_.one_in(8)) arm(entry);
    Entry& other = entries_[random_.below(entries_.size())];
    if (random_.one_in(8) && other.is_armed()) disarm(other);
  }

  Random random_;
  Instant now_;
  Wheel wheel_;
  std::array<Entry, 200> entries_;
  std::set<std::pair<Instant, std::size_t>> by_due_;
  std::uint64_t fired_ = 0;
  bool early_ = false;
};

TEST_CASE("the wheel agrees with a sorted set over random steps") {
  const std::uint64_t seeds[] = {1, 20, 300, 4000};
  for (std::uint64_t seed : seeds) {
    CAPTURE(seed);
    Model model(seed);
    for (int step = 0; step < 25'000; ++step) model.step();
    CHECK(model.fired() > 2000);
  }
}

}  // namespace
}  // namespace sluice::runtime
