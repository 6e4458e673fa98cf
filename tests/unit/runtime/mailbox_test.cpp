#include "runtime/mailbox.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/outcome.hpp"
#include "runtime/loop_fixture.hpp"
#include "runtime/operation.hpp"
#include "runtime/scope.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;
using test::outcome;

std::uintptr_t word(void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// Keeps each message's second word in the vector that the first one points to.
void keep(Loop& /*receiver*/, std::uintptr_t first, std::uintptr_t second) {
  reinterpret_cast<std::vector<std::uintptr_t>*>(first)->push_back(second);
}

TEST_CASE("messages are run in order, on the loop") {
  LoopFixture fixture;
  std::vector<std::uintptr_t> kept;
  Mailbox& mailbox = fixture.loop().mailbox();
  CHECK(mailbox.is_idle());
  for (std::uintptr_t i = 0; i < 5; ++i) CHECK(mailbox.post({&keep, word(&kept), i}));
  CHECK(mailbox.has_mail());
  CHECK_FALSE(fixture.loop().is_idle());
  CHECK(kept.empty());
  fixture.settle(1);
  CHECK(kept == std::vector<std::uintptr_t>{0, 1, 2, 3, 4});
  CHECK(mailbox.is_idle());
}

TEST_CASE("a full mailbox refuses, and takes more once it was emptied") {
  LoopFixture fixture;
  std::vector<std::uintptr_t> kept;
  Mailbox& mailbox = fixture.loop().mailbox();
  const std::size_t entries = LoopFixture::small().mailbox_entries;
  for (int round = 0; round < 3; ++round) {
    kept.clear();
    for (std::uintptr_t i = 0; i < entries; ++i) REQUIRE(mailbox.post({&keep, word(&kept), i}));
    CHECK_FALSE(mailbox.post({&keep, word(&kept), 99}));
    CHECK_FALSE(mailbox.post({&keep, word(&kept), 99}));
    fixture.settle(1);
    CHECK(kept.size() == entries);
    CHECK(kept.back() == entries - 1);
  }
}

TEST_CASE("what several threads post is delivered, each once and in the sender's order") {
  constexpr std::size_t threads = 4;
  constexpr std::uintptr_t each = 5000;
  LoopFixture fixture;
  std::vector<std::uintptr_t> kept;
  kept.reserve(threads * each);
  std::atomic<std::uint64_t> refused{0};
  std::vector<std::thread> senders;
  senders.reserve(threads);
  for (std::uintptr_t sender = 0; sender < threads; ++sender) {
    senders.emplace_back([&, sender] {
      for (std::uintptr_t i = 0; i < each; ++i) {
        while (!fixture.loop().mailbox().post({&keep, word(&kept), sender << 32 | i})) {
          refused.fetch_add(1, std::memory_order_relaxed);
          std::this_thread::yield();
        }
      }
    });
  }
  fixture.run_until([&] { return kept.size() == threads * each; });
  for (std::thread& sender : senders) sender.join();
  fixture.settle();
  REQUIRE(kept.size() == threads * each);
  std::uintptr_t next[threads] = {};
  for (std::uintptr_t value : kept) REQUIRE((value & UINT32_MAX) == next[value >> 32]++);
}

// What: a second loop on a thread of its own, until it is told to end.
class OtherLoop {
 public:
  OtherLoop()
      : thread_([this] {
          LoopFixture fixture;
          loop_.store(&fixture.loop());
          fixture.run_until([this] { return stopping_.load(); });
          // Nobody posts any more: what is left is run, and answers leave.
          fixture.run_until([&] { return fixture.loop().is_idle(); });
        }) {
    while (loop_.load() == nullptr) std::this_thread::yield();
  }
  OtherLoop(const OtherLoop&) = delete;
  OtherLoop& operator=(const OtherLoop&) = delete;
  ~OtherLoop() {
    stopping_.store(true);
    thread_.join();
  }
  [[nodiscard]] Loop& loop() { return *loop_.load(); }

 private:
  std::atomic<Loop*> loop_{nullptr};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

std::uintptr_t doubled(Loop& /*callee*/, std::uintptr_t argument) { return argument * 2; }
std::uintptr_t which_loop(Loop& callee, std::uintptr_t /*argument*/) { return word(&callee); }

Task<void> call(Loop& callee, CallFunction function, std::uintptr_t argument, Instant deadline,
                std::vector<std::string>& out) {
  Result<std::uintptr_t> answer = co_await Call(callee, function, argument, deadline);
  out.push_back(answer ? std::to_string(*answer) : std::string(outcome(answer)));
}

TEST_CASE("a call is answered by the other loop, on its thread") {
  LoopFixture fixture;
  OtherLoop other;
  std::uintptr_t sum = 0;
  fixture.run([](Loop& callee, std::uintptr_t& out, Instant deadline) -> Task<void> {
    for (std::uintptr_t i = 1; i <= 500; ++i) {
      Result<std::uintptr_t> answer = co_await Call(callee, doubled, i, deadline);
      CHECK(outcome(answer) == "ok");
      if (answer) out += *answer;
    }
    Result<std::uintptr_t> callee_said = co_await Call(callee, which_loop, 0, deadline);
    CHECK(callee_said.value_or(0) == word(&callee));
  }(other.loop(), sum, fixture.far()));
  CHECK(sum == 500 * 501);
}

TEST_CASE("two loops call one another at once") {
  LoopFixture fixture;
  OtherLoop other;
  struct Shared {
    Loop* here;
    std::atomic<int> answered{0};
  } shared{&fixture.loop()};
  auto caller = [](Loop& callee, std::atomic<int>& answered) -> Task<void> {
    for (int i = 0; i < 300; ++i) {
      Result<std::uintptr_t> answer = co_await Call(callee, doubled, 21, Instant::never());
      if (answer && *answer == 42) answered.fetch_add(1);
    }
  };
  // Started over there by a message.
  static constexpr auto start_there = [](Loop& there, std::uintptr_t first, std::uintptr_t second) {
    auto& state = *reinterpret_cast<Shared*>(first);
    auto make = reinterpret_cast<Task<void> (*)(Loop&, std::atomic<int>&)>(second);
    there.spawn("caller", make(*state.here, state.answered));
  };
  Task<void> (*make)(Loop&, std::atomic<int>&) = caller;
  CHECK(other.loop().mailbox().post({start_there, word(&shared), reinterpret_cast<std::uintptr_t>(make)}));
  fixture.spawn(make(other.loop(), shared.answered));
  fixture.run_until([&] { return shared.answered.load() == 600; });
}

TEST_CASE("a call may be to one's own loop") {
  LoopFixture fixture;
  std::vector<std::string> out;
  fixture.run(call(fixture.loop(), doubled, 4, fixture.far(), out));
  CHECK(out == std::vector<std::string>{"8"});
}

TEST_CASE("a call that is not waited for any more is answered all the same") {
  struct Row {
    const char* what;
    bool is_cancelled;
    const char* outcome;
  };
  const Row rows[] = {{"deadline", false, "timed_out"}, {"cancel", true, "cancelled"}};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    LoopFixture fixture;
    // A callee that does not turn yet: its answer comes late, to a call that has been given up.
    LoopFixture callee;
    std::vector<std::string> out;
    fixture.spawn(call(callee.loop(), doubled, 1, row.is_cancelled ? fixture.far() : fixture.soon(), out));
    if (row.is_cancelled) fixture.loop().cancel_roots();
    fixture.run_until([&] { return !out.empty(); });
    CHECK(out.back() == row.outcome);
    CHECK(fixture.loop().roots() == 0);
    CHECK_FALSE(fixture.loop().is_idle());  // the answer is still to come
    callee.settle(1);
    fixture.settle(1);
    CHECK(fixture.loop().is_idle());
    CHECK(out.size() == 1);
  }
}

TEST_CASE("a cancelled strand does not call") {
  LoopFixture fixture;
  LoopFixture callee;
  std::vector<std::string> out;
  fixture.spawn([](Loop& to, std::vector<std::string>& seen, Instant deadline) -> Task<void> {
    (void)co_await sleep_until(deadline);
    co_await call(to, doubled, 1, deadline, seen);
  }(callee.loop(), out, fixture.far()));
  fixture.loop().cancel_roots();
  fixture.settle();
  CHECK(out == std::vector<std::string>{"cancelled"});
  CHECK_FALSE(callee.loop().mailbox().has_mail());
}

TEST_CASE("too many open calls, and a full mailbox, are refused at once") {
  LoopFixture fixture;
  LoopSettings roomy = LoopFixture::small();
  roomy.mailbox_entries = 256;
  LoopFixture callee(roomy);
  std::vector<std::string> out;
  constexpr std::size_t calls_max = 64;
  for (std::uintptr_t i = 0; i < calls_max; ++i) {
    fixture.spawn(call(callee.loop(), doubled, i, fixture.far(), out));
  }
  CHECK(out.empty());
  fixture.spawn(call(callee.loop(), doubled, 0, fixture.far(), out));
  CHECK(out == std::vector<std::string>{"exhausted"});
  callee.settle(1);
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(out.size() == calls_max + 1);

  out.clear();
  LoopSettings narrow = LoopFixture::small();
  narrow.mailbox_entries = 2;
  LoopFixture full(narrow);
  for (std::uintptr_t i = 0; i < 3; ++i) fixture.spawn(call(full.loop(), doubled, i, fixture.far(), out));
  CHECK(out == std::vector<std::string>{"exhausted"});
  full.settle(1);
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(out == std::vector<std::string>{"exhausted", "0", "2"});
}

TEST_CASE("an answer waits while the caller's mailbox is full") {
  LoopSettings narrow = LoopFixture::small();
  narrow.mailbox_entries = 2;
  LoopFixture caller(narrow);
  LoopFixture callee;
  std::vector<std::string> out;
  caller.spawn(call(callee.loop(), doubled, 5, caller.far(), out));
  std::vector<std::uintptr_t> kept;
  for (std::uintptr_t i = 0; i < 2; ++i) CHECK(caller.loop().mailbox().post({&keep, word(&kept), i}));
  callee.settle(3);
  CHECK_FALSE(callee.loop().is_idle());
  caller.settle(1);
  CHECK(kept.size() == 2);
  CHECK(out.empty());
  callee.settle(1);
  CHECK(callee.loop().is_idle());
  caller.settle(1);
  CHECK(out == std::vector<std::string>{"10"});
}

}  // namespace
}  // namespace sluice::runtime
