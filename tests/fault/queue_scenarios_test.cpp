#include <poll.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "memory/frame_pool.hpp"
#include "runtime/kernel.hpp"
#include "runtime/loop.hpp"
#include "runtime/operation.hpp"
#include "runtime/scope.hpp"
#include "torture.hpp"
#include "world.hpp"

// More operations in one turn than the submission queue takes, and a kernel that does not empty it.
namespace sluice::fault {

namespace {

using runtime::Loop;
using runtime::Task;

constexpr std::uint64_t operations = 20;

// All runs together: what the scenario is about must have happened in some.
std::uint64_t shortages = 0;

// What: asks for everything at once, and cancels what would wait for ever.
class Crowd {
 public:
  Crowd(Loop& loop, int fd) : loop_(loop), fd_(fd) {}

  void run() {
    loop_.spawn("crowd", ask());
    loop_.run();
  }
  void check(World& world) const {
    shortages += refused_;
    world.expect(ready_ + cancelled_ + exhausted_ + failed_ == operations, "every operation has ended once");
    world.expect(exhausted_at_once_ == refused_, "what finds no place is exhausted at once, and nothing else is");
    if (!world.injected().empty()) return;
    world.expect(cancelled_ == operations, "without faults all are started and cancelled");
  }

 private:
  Task<void> ask() {
    {
      runtime::Scope scope(co_await runtime::this_strand());
      const std::uint64_t at_first = loop_.counters().submission_shortages.load();
      for (std::uint64_t i = 0; i < operations; ++i) scope.spawn("one", ask_one());
      refused_ = loop_.counters().submission_shortages.load() - at_first;
      exhausted_at_once_ = exhausted_;
      (void)co_await runtime::sleep_until(loop_.now() + std::chrono::milliseconds(5));
      // Twice the queue's length of cancels: those without a place in it are sent later, none is lost.
      scope.cancel();
      co_await scope.join();
    }
    loop_.stop();
  }
  Task<void> ask_one() {
    Result<int> result = co_await runtime::poll(fd_, POLLIN, Instant::never());
    if (result) {
      ++ready_;
    } else if (result.error().code == ErrorCode::cancelled) {
      ++cancelled_;
    } else if (result.error().code == ErrorCode::exhausted) {
      ++exhausted_;
    } else {
      ++failed_;
    }
  }

  Loop& loop_;
  int fd_;
  std::uint64_t ready_ = 0;
  std::uint64_t cancelled_ = 0;
  std::uint64_t exhausted_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t refused_ = 0;            // found no place in the submission queue
  std::uint64_t exhausted_at_once_ = 0;  // had ended with `exhausted` before anything was submitted
};

void run_crowd(World& world) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  int fd = runtime::kernel::event_open();
  if (fd < 0) return;
  runtime::LoopSettings settings;
  settings.submission_entries = 8;
  settings.completion_entries = 64;
  settings.mailbox_entries = 4;
  if (auto loop = Loop::open(settings)) {
    Crowd crowd(**loop, fd);
    crowd.run();
    crowd.check(world);
  }
  runtime::kernel::close(fd);
  world.expect_zero("coroutine frames", memory::FramePool::of_this_thread().outstanding() - frames);
}

}  // namespace

TEST_CASE("a full submission queue survives every fault") {
  shortages = 0;
  torture({.name = "crowd", .run = run_crowd, .check = {}, .plan = {}}, 1000);
  CHECK(shortages > 0);
}

TEST_CASE("a full submission queue and a full completion queue survive every fault") {
  shortages = 0;
  torture({.name = "crowded", .run = run_crowd, .check = {}, .plan = {.completion_entries_max = 2}}, 0);
  CHECK(shortages > 0);
}

}  // namespace sluice::fault
