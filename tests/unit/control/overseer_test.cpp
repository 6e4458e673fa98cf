#include "control/overseer.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/loop_fixture.hpp"
#include "runtime/operation.hpp"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using test::LoopFixture;

// What: the lines that an overseer said; whoever waits for the next one gets it.
class Said {
 public:
  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    changed_.notify_all();
  }
  // The line with this index, once it has been said.
  std::string line(std::size_t index) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, 60s, [&] { return lines_.size() > index; });
    return came ? lines_[index] : "nothing was said";
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

// What: an overseer of one loop.
struct Overseen {
  explicit Overseen(LoopFixture& fixture, Duration turn_max = 20ms)
      : overseer([this](std::string_view line) { said.add(line); }) {
    overseer.add({.index = 7, .activity = &fixture.loop().activity(), .counters = &counters, .turn_max = turn_max});
    REQUIRE(overseer.start());
  }
  ~Overseen() { overseer.stop(); }
  Overseen(const Overseen&) = delete;
  Overseen& operator=(const Overseen&) = delete;

  Said said;
  proxy::ShardCounters counters;
  Overseer overseer;
};

// Stands still within a turn until the overseer has told of it.
runtime::Task<void> stall(Said& said, std::string& told) {
  runtime::Strand& strand = co_await runtime::this_strand();
  strand.set_phase("standing still");
  co_await runtime::Yield();
  told = said.line(0);
}

TEST_CASE("a turn that takes too long is told of, with what it does, and so is its end") {
  LoopFixture fixture;
  Overseen overseen(fixture);
  std::string told;
  fixture.loop().spawn("stalling", stall(overseen.said, told));
  fixture.run_until([&] { return !told.empty(); });
  CHECK(told.starts_with("shard 7 has been in one turn of its loop for 0."));
  CHECK(told.ends_with(" s, running \"stalling\" in the phase \"standing still\""));
  CHECK(overseen.counters.watchdog_reports.value() == 1);
  std::string goes_on;
  fixture.run_until([&] {
    if (overseen.said.count() > 1) goes_on = overseen.said.line(1);
    return !goes_on.empty();
  });
  CHECK(goes_on.starts_with("shard 7 goes on: that turn took about 0."));
}

TEST_CASE("what stands still outside of any strand is named by the stage of the turn") {
  LoopFixture fixture;
  Overseen overseen(fixture);
  static Said* said = nullptr;
  static std::string told;
  said = &overseen.said;
  told.clear();
  const runtime::Message message{[](runtime::Loop&, std::uintptr_t, std::uintptr_t) { told = said->line(0); }, 0, 0};
  REQUIRE(fixture.loop().mailbox().post(message));
  fixture.run_until([&] { return !told.empty(); });
  CHECK(told.ends_with(" s, at \"messages\""));
}

TEST_CASE("a loop that waits is not stuck, and one that is not watched says nothing") {
  for (Duration turn_max : {Duration(1ms), Duration(0)}) {
    LoopFixture fixture;
    Overseen overseen(fixture, turn_max);
    if (turn_max == Duration(0)) {
      // It stands still for as long as the overseer needs to say something else.
      fixture.settle();
      overseen.counters.descriptor_shortages.add();
      CHECK(overseen.said.line(0).starts_with("no descriptors are left"));
    } else {
      fixture.loop().turn(fixture.loop().now() + 50ms);
    }
    CHECK(overseen.counters.watchdog_reports.value() == 0);
  }
}

TEST_CASE("a shortage of descriptors is told once, however often it is met") {
  LoopFixture fixture;
  Overseen overseen(fixture, Duration(0));
  overseen.counters.descriptor_shortages.add(3);
  CHECK(overseen.said.line(0).contains("new connections wait"));
  overseen.counters.descriptor_shortages.add(3);
  overseen.overseer.stop();
  CHECK(overseen.said.count() == 1);
}

}  // namespace
}  // namespace sluice::control
