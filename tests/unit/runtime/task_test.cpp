#include "runtime/task.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/death.hpp"
#include "base/error.hpp"
#include "base/outcome.hpp"
#include "runtime/loop_fixture.hpp"
#include "runtime/operation.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;

Task<int> give(int value) { co_return value; }
Task<std::unique_ptr<int>> give_owned(int value) { co_return std::make_unique<int>(value); }
Task<Result<std::unique_ptr<int>>> give_owned_or_fail(bool succeeds) {
  if (!succeeds) co_return failure(ErrorCode::closed);
  co_return std::make_unique<int>(8);
}

TEST_CASE("a task gives its value to the one who awaits it") {
  LoopFixture fixture;
  std::vector<int> seen;
  fixture.run([](std::vector<int>& out) -> Task<void> {
    out.push_back(co_await give(3));
    auto owned = co_await give_owned(4);
    out.push_back(*owned);
    auto result = co_await give_owned_or_fail(true);
    if (result) out.push_back(**result);
    auto failed = co_await give_owned_or_fail(false);
    CHECK(test::outcome(failed) == "closed");
    out.push_back(co_await give(1) + co_await give(2) * co_await give(10));
  }(seen));
  CHECK(seen == std::vector<int>{3, 4, 8, 21});
}

Task<std::string> note(std::vector<std::string>& out, std::string text) {
  out.push_back(text);
  co_return text + "!";
}

TEST_CASE("a task is lazy, and one that nobody awaits leaves nothing") {
  LoopFixture fixture;
  std::vector<std::string> seen;
  {
    Task<std::string> dropped = note(seen, "dropped");
    Task<std::string> moved = std::move(dropped);
  }
  CHECK(seen.empty());
  fixture.run([](std::vector<std::string>& out) -> Task<void> {
    Task<std::string> second = note(out, "second");
    out.push_back(co_await note(out, "first"));
    out.push_back(co_await std::move(second));
  }(seen));
  CHECK(seen == std::vector<std::string>{"first", "first!", "second", "second!"});
}

// What: counts the copies of itself that are alive, to see each argument and local destroyed once.
class Counted {
 public:
  explicit Counted(int& alive) : alive_(&alive) { ++*alive_; }
  Counted(const Counted& other) : alive_(other.alive_) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive_; }

 private:
  int* alive_;
};

Task<int> take(Counted /*argument*/, int value) { co_return value; }
Task<Counted> pass(Counted argument) { co_return argument; }

TEST_CASE("arguments and results are destroyed exactly once") {
  LoopFixture fixture;
  int alive = 0;
  fixture.run([](int& count) -> Task<void> {
    int sum = co_await take(Counted(count), 1);
    CHECK(count == 0);
    Counted local(count);
    sum += co_await take(local, 2);
    CHECK(count == 1);
    {
      Counted result = co_await pass(Counted(count));
    }
    CHECK(count == 1);
    CHECK((co_await take(Counted(count), 3) == 3 && co_await take(Counted(count), 4) == 4));
    CHECK(sum == 3);
  }(alive));
  CHECK(alive == 0);
}

Task<std::uint64_t> nested(std::uint64_t depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await nested(depth - 1);
}

TEST_CASE("a hundred thousand nested awaits do not grow the stack") {
  LoopFixture fixture;
  std::uint64_t depth = 0;
  fixture.run([](std::uint64_t& out) -> Task<void> { out = co_await nested(100'000); }(depth));
  CHECK(depth == 100'000);
}

TEST_CASE("a hundred thousand awaits in a row neither") {
  LoopFixture fixture;
  std::uint64_t sum = 0;
  fixture.run([](std::uint64_t& out) -> Task<void> {
    for (int i = 0; i < 100'000; ++i) out += static_cast<std::uint64_t>(co_await give(i));
  }(sum));
  CHECK(sum == 4'999'950'000);
}

TEST_CASE("a root has a kind, a phase and its own strand") {
  LoopFixture fixture;
  struct Seen {
    Strand* outer = nullptr;
    Strand* inner = nullptr;
  } seen;
  int ends[2] = {-1, -1};
  REQUIRE(::pipe(ends) == 0);
  fixture.loop().spawn("root", [](Seen& out, int fd, Instant deadline) -> Task<void> {
    Strand& strand = co_await this_strand();
    out.outer = &strand;
    strand.set_phase("polling");
    co_await [](Seen& inner) -> Task<void> { inner.inner = &co_await this_strand(); }(out);
    (void)co_await poll(fd, POLLIN, deadline);
  }(seen, ends[0], fixture.far()));
  CHECK(seen.outer != nullptr);
  CHECK(seen.outer == seen.inner);
  CHECK(fixture.loop().roots() == 1);
  int visits = 0;
  fixture.loop().for_each_root([&](const char* kind, const Strand& strand) {
    ++visits;
    CHECK(std::string_view(kind) == "root");
    CHECK(std::string_view(strand.phase()) == "polling");
    CHECK_FALSE(strand.is_cancelled());
  });
  CHECK(visits == 1);
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return fixture.loop().roots() == 0; });
  ::close(ends[0]);
  ::close(ends[1]);
}

// Gives away the frame that awaits it.
struct TakeHandle {
  std::coroutine_handle<>& out;
  bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> self) noexcept {
    out = self;
    return false;
  }
  void await_resume() noexcept {}
};

TEST_CASE("a frame is not freed while its operation is in flight") {
  test::Death death = test::death_of([] {
    auto opened = Loop::open(LoopFixture::small());
    int ends[2] = {-1, -1};
    if (!opened || ::pipe(ends) != 0) return;
    std::coroutine_handle<> frame;
    (*opened)->spawn("victim", [](std::coroutine_handle<>& out, int fd) -> Task<void> {
      co_await TakeHandle{out};
      (void)co_await poll(fd, POLLIN, Instant::never());
    }(frame, ends[0]));
    frame.destroy();
  });
  CHECK(death.died);
  CHECK(death.report.contains("assertion failed: pending_ == 0"));
}

}  // namespace
}  // namespace sluice::runtime
