#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "memory/frame_pool.hpp"
#include "runtime/kernel.hpp"
#include "runtime/loop.hpp"
#include "runtime/task.hpp"

namespace sluice::test {

// What: a loop of its own for one test. Whatever is waited for has a real-time bound that only a broken test meets.
// Lifetime: outlives everything that the test runs on it; at its end nothing may be left: roots, operations, frames.
class LoopFixture {
 public:
  explicit LoopFixture(const runtime::LoopSettings& settings = small())
      : frames_before_(memory::FramePool::of_this_thread().outstanding()) {
    auto opened = runtime::Loop::open(settings);
    if (!opened) give_up("no io_uring could be opened");
    loop_ = std::move(*opened);
  }
  LoopFixture(const LoopFixture&) = delete;
  LoopFixture& operator=(const LoopFixture&) = delete;
  ~LoopFixture() {
    run_until([this] { return loop_->is_idle(); });
    CHECK(loop_->wheel().armed() == 0);
    loop_.reset();
    CHECK(memory::FramePool::of_this_thread().outstanding() == frames_before_);
  }

  // Small enough that the bounds of the rings are met.
  static runtime::LoopSettings small() {
    return {.submission_entries = 64, .completion_entries = 256, .mailbox_entries = 64, .index = 0};
  }

  [[nodiscard]] runtime::Loop& loop() { return *loop_; }
  // A deadline that no working test reaches.
  [[nodiscard]] Instant far() const { return loop_->now() + bound; }
  // One that passes while the test looks on.
  [[nodiscard]] Instant soon() const { return loop_->now() + std::chrono::milliseconds(5); }

  void spawn(runtime::Task<void> task) { loop_->spawn("test", std::move(task)); }

  // Runs `task` as a root until it and everything that it left behind has ended.
  void run(runtime::Task<void> task) {
    spawn(std::move(task));
    run_until([this] { return loop_->is_idle(); });
  }

  template <class Condition>
  void run_until(Condition&& condition) {
    const Instant end = runtime::kernel::now() + bound;
    while (!condition()) {
      if (runtime::kernel::now() >= end) give_up("a condition was not met in time");
      // Never for long: the condition may be the test's own, or another thread's, to fulfil.
      loop_->turn(loop_->now() + std::chrono::milliseconds(1));
    }
  }

  // Turns without waiting: what is ready runs, and what that makes ready.
  void settle(int turns = 4) {
    for (int i = 0; i < turns; ++i) loop_->turn(loop_->now());
  }

 private:
  static constexpr Duration bound = std::chrono::seconds(60);

  // What hangs cannot be unwound: its frames have operations in flight.
  [[noreturn]] static void give_up(const char* why) {
    std::fprintf(stderr, "loop fixture: %s\n", why);
    std::abort();
  }

  std::size_t frames_before_;
  std::unique_ptr<runtime::Loop> loop_;
};

}  // namespace sluice::test
