#include "enumerate.hpp"

#include <doctest/doctest.h>
#include <liburing.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/kernel.hpp"

// The torture itself under test: a small echo server that gets everything right passes it, and each planted bug in it
// is found.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

enum class Bug : std::uint8_t {
  none,
  leaks_listener,      // when bind fails
  assumes_whole_send,  // takes a short send for all of it
  forgets_to_join,     // frees the buffer when the cancel has answered
  trusts_early_wait,   // takes a return of ring_enter for a completion
  closes_in_flight,    // does not cancel at the deadline
  waits_for_ever,      // has no deadline
};

// What: accepts one connection and sends back what it receives, one operation at a time, each with a deadline.
class Echo {
 public:
  explicit Echo(Bug bug) : bug_(bug) {}

  void run() {
    if (kernel::ring_open(ring_, {8, 16}) < 0) return;
    if (int listener = open_listener(); listener >= 0) {
      serve(listener);
      kernel::close(listener);
    }
    kernel::ring_close(ring_);
  }

  [[nodiscard]] static Address address() { return Address::loopback(80); }
  [[nodiscard]] bool has_completed() const { return has_completed_; }

 private:
  static constexpr Duration deadline = std::chrono::seconds(30);

  int open_listener() {
    int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return fd;
    Address here = address();
    int result = kernel::bind(fd, here.data(), here.size());
    if (result < 0 && bug_ == Bug::leaks_listener) return result;
    if (result == 0) result = kernel::listen(fd, 8);
    if (result == 0) return fd;
    kernel::close(fd);
    return result;
  }

  void serve(int listener) {
    int fd = await([&](io_uring_sqe* sqe) { io_uring_prep_accept(sqe, listener, nullptr, nullptr, SOCK_NONBLOCK); });
    if (fd < 0) return;
    auto buffer = std::make_unique<std::array<char, 16>>();
    for (;;) {
      int got = await([&](io_uring_sqe* sqe) { io_uring_prep_recv(sqe, fd, buffer->data(), buffer->size(), 0); });
      has_completed_ = got == 0;
      if (got <= 0) break;
      if (!send_all(fd, {buffer->data(), static_cast<std::size_t>(got)})) break;
    }
    buffer.reset();
    // What a forgotten operation does to freed memory shows when its completion is waited for.
    if (bug_ == Bug::forgets_to_join) (void)kernel::ring_enter(ring_, 1, std::chrono::hours(2), Duration(0));
    kernel::close(fd);
  }

  bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      int sent = await([&](io_uring_sqe* sqe) { io_uring_prep_send(sqe, fd, bytes.data(), bytes.size(), 0); });
      if (sent < 0) return false;
      if (bug_ == Bug::assumes_whole_send) return true;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  template <class Prepare>
  int await(Prepare prepare) {
    std::uint64_t target = ++last_id_;
    std::uint64_t cancel = 0;
    int result = 0;
    bool is_done = false;
    bool cancel_is_done = true;
    submit(target, prepare);
    Instant limit = kernel::now() + deadline;
    while (!is_done || !cancel_is_done) {
      Duration wait =
          cancel == 0 && bug_ != Bug::waits_for_ever ? std::max(limit - kernel::now(), Duration(0)) : Duration(-1);
      int entered = kernel::ring_enter(ring_, 1, wait, Duration(0));
      bool has_entered = entered >= 0;
      take([&](std::uint64_t id, int value) {
        if (id == target) {
          is_done = true;
          result = value;
        }
        if (id == cancel) cancel_is_done = true;
      });
      if (bug_ == Bug::trusts_early_wait && has_entered) return result;
      if (is_done || cancel != 0 || kernel::now() < limit) continue;
      if (bug_ == Bug::closes_in_flight) return -ETIMEDOUT;
      cancel = ++last_id_;
      cancel_is_done = false;
      submit(cancel, [&](io_uring_sqe* sqe) { io_uring_prep_cancel64(sqe, target, 0); });
      if (bug_ == Bug::forgets_to_join) return -ETIMEDOUT;
    }
    return result;
  }

  template <class Prepare>
  void submit(std::uint64_t id, Prepare prepare) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    REQUIRE(sqe != nullptr);
    prepare(sqe);
    io_uring_sqe_set_data64(sqe, id);
  }

  template <class Visit>
  void take(Visit visit) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      visit(cqe->user_data, cqe->res);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
  }

  Bug bug_;
  io_uring ring_{};
  std::uint64_t last_id_ = 0;
  bool has_completed_ = false;
};

// A client that sends a question, reads the echo and closes.
class Client {
 public:
  explicit Client(World& world) : world_(world) {}

  bool act() {
    if (!has_connected_) {
      peer_ = world_.connect(Echo::address());
      has_connected_ = peer_.is_connected();
      return has_connected_;
    }
    std::size_t written = peer_.write(std::string_view(question).substr(written_));
    written_ += written;
    std::string got = peer_.read();
    answer_ += got;
    bool ends = answer_.size() == question.size() && !std::exchange(has_ended_, true);
    if (ends) peer_.shutdown();
    return written != 0 || !got.empty() || ends;
  }

  // What the end of the run shows: everything echoed, or a connection that the server ended or lost.
  void check() {
    act();
    bool got_all = answer_ == question;
    world_.expect(question.starts_with(answer_), "the echo is what was sent");
    world_.expect(!has_connected_ || got_all || peer_.was_reset() || peer_.at_end(), "a client is not left hanging");
  }

  [[nodiscard]] bool has_answer() const { return answer_ == question; }

 private:
  static constexpr std::string_view question = "the quick brown fox jumps over the lazy dog";
  World& world_;
  Peer peer_;
  bool has_connected_ = false;
  bool has_ended_ = false;
  std::size_t written_ = 0;
  std::string answer_;
};

Scenario echo_scenario(Bug bug) {
  auto run = [bug](World& world) {
    Client client(world);
    auto script = world.on_idle([&client] { return client.act(); });
    Echo echo(bug);
    echo.run();
    client.check();
    world.expect(!echo.has_completed() || client.has_answer(), "a server that saw the end has echoed everything");
  };
  return {.name = "echo", .run = run, .check = {}, .plan = {.enters_max = 1000}};
}

// For failures that are expected.
constexpr Enumeration quiet{.prints_failures = false};

}  // namespace

TEST_CASE("a correct server passes every fault at every event") {
  Outcome outcome = enumerate(echo_scenario(Bug::none));
  CHECK(outcome.failures == std::vector<std::string>{});
  CHECK(outcome.events > 20);
  CHECK(outcome.runs > 100);
}

TEST_CASE("a correct server passes many faults at once") {
  Outcome outcome = random_runs(echo_scenario(Bug::none), 1, 2000);
  CHECK(outcome.failures == std::vector<std::string>{});
  CHECK(outcome.runs == 2000);
}

TEST_CASE("each planted bug is found, and its line replays it") {
  struct Row {
    Bug bug;
    std::string_view failure;
  };
  const Row rows[] = {
      {Bug::leaks_listener, "descriptors left open"},
      {Bug::assumes_whole_send, "the echo is what was sent"},
      {Bug::trusts_early_wait, "in flight"},
      {Bug::closes_in_flight, "with operations in flight"},
#if __has_feature(address_sanitizer)
      {Bug::forgets_to_join, "used freed memory in op_receive"},
#endif
  };
  for (const Row& row : rows) {
    CAPTURE(row.failure);
    Scenario scenario = echo_scenario(row.bug);
    Outcome outcome = enumerate(scenario, quiet);
    auto found = std::find_if(outcome.failures.begin(), outcome.failures.end(),
                              [&](const std::string& line) { return line.find(row.failure) != std::string::npos; });
    REQUIRE(found != outcome.failures.end());

    std::string variable = found->substr(found->find("SLUICE_FAULT_REPLAY="));
    Outcome replayed = replay(scenario, variable.substr(variable.find('=') + 1));
    CHECK(replayed.runs == 1);
    REQUIRE(replayed.failures.size() == 1);
    CHECK(replayed.failures[0].find(row.failure) != std::string::npos);
  }
}

TEST_CASE("a replay runs what it names and nothing else") {
  struct Row {
    const char* text;
    std::size_t runs;
    std::size_t failures;
  };
  const Row rows[] = {
      {"echo:1:", 1, 0},
      {"echo:1:0:ENOMEM", 1, 0},
      {"other:1:0:ENOMEM", 0, 0},
      {"echo:1:random", 1, 0},
      {"echo:1:99999:ENOMEM", 1, 1},
      {"echo:1:0:short_one", 1, 1},  // nothing that could happen there
      {"echo", 0, 1},
      {"echo:x:0:ENOMEM", 0, 1},
      {"echo:1:0", 0, 1},
      {"echo:1:0:NONSENSE", 0, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Outcome outcome = replay(echo_scenario(Bug::none), row.text);
    CHECK(outcome.runs == row.runs);
    CHECK(outcome.failures.size() == row.failures);
  }
}

TEST_CASE("counters of the scenario are checked after each run") {
  Scenario scenario = echo_scenario(Bug::none);
  scenario.check = [](World& world) { world.expect_zero("frames", 3); };
  Outcome outcome = enumerate(scenario, quiet);
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].find("frames left over: 3") != std::string::npos);
}

TEST_CASE("the same seed gives the same events") {
  auto trace = [](std::uint64_t seed) {
    std::vector<Event> events;
    FaultPlan plan = echo_scenario(Bug::none).plan;
    plan.one_in = 5;
    CHECK(run_once(echo_scenario(Bug::none), seed, plan, &events) == "");
    std::string text;
    for (const Event& event : events)
      text += std::string(to_string(event.call)) + std::to_string(event.possible.size());
    return text;
  };
  std::set<std::string> different;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CHECK(trace(seed) == trace(seed));
    different.insert(trace(seed));
  }
  CHECK(different.size() > 5);
}

TEST_CASE("every fault has a name that reads back") {
  for (int call = 0; call <= static_cast<int>(Call::op_close); ++call) {
    CHECK(to_string(static_cast<Call>(call)) != "?");
    for (Stage stage : {Stage::call, Stage::issue, Stage::completion, Stage::cancel}) {
      Circumstance all{.bytes = 10,
                       .queued = 0,
                       .is_multishot = true,
                       .selects_buffer = true,
                       .can_wait = true,
                       .reads_socket = true,
                       .writes_socket = true};
      for (const Fault& fault : possible_faults(static_cast<Call>(call), stage, all)) {
        CAPTURE(to_string(fault));
        CHECK(parse_fault(to_string(fault)) == fault);
      }
    }
  }
  std::vector<PlannedFault> faults = {{3, {FaultKind::fail, EPIPE}}, {12, {FaultKind::held, 0}}};
  CHECK(to_string(faults) == "3:EPIPE,12:held");
  CHECK(parse_faults("3:EPIPE,12:held") == faults);
  CHECK(parse_faults("") == std::vector<PlannedFault>{});
  for (std::string_view bad :
       {"3", "3:", ":EPIPE", "x:EPIPE", "3:fail", "3:E?", "3:EPIPE,", "3:EPIPE,,4:late", "-1:late"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_faults(bad).has_value());
  }
}

}  // namespace sluice::fault
