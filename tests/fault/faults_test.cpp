#include "faults.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "peer_pair.hpp"
#include "ring_driver.hpp"
#include "world.hpp"

// What each fault looks like to the program.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

// The plan that lets `fault` happen at the first event of that kind in `body`.
FaultPlan plan_for(const std::function<void(World&)>& body, Call call, Stage stage, const Fault& fault) {
  World world(1);
  world.record_events();
  body(world);
  for (const Event& event : world.events()) {
    if (event.call == call && event.stage == stage) return FaultPlan{.faults = {{event.index, fault}}};
  }
  FAIL("no such event");
  return {};
}

}  // namespace

TEST_CASE("a receive meets each fault") {
  struct Row {
    Fault fault;
    int result;
    Duration at_least;
    bool resets_peer;
  };
  const Row rows[] = {
      {{FaultKind::fail, ECONNRESET}, -ECONNRESET, Duration(0), true},
      {{FaultKind::fail, ETIMEDOUT}, -ETIMEDOUT, Duration(0), true},
      {{FaultKind::fail, ENOMEM}, -ENOMEM, Duration(0), false},
      {{FaultKind::fail, EINTR}, -EINTR, Duration(0), false},
      {{FaultKind::short_one, 0}, 1, Duration(0), false},
      {{FaultKind::short_half, 0}, 3, Duration(0), false},
      {{FaultKind::late, 0}, 6, std::chrono::milliseconds(1), false},
      {{FaultKind::late_past_deadlines, 0}, 6, std::chrono::hours(1), false},
      {{FaultKind::held, 0}, 6, std::chrono::hours(1), false},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.fault));
    int result = 0;
    bool was_reset = false;
    Duration took{};
    auto body = [&](World& world) {
      RingDriver driver;
      PeerPair pair(world);
      pair.peer.write("abcdef");
      std::array<char, 16> buffer{};
      Instant before = world.now();
      io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
      while (io_uring_cq_ready(&driver.ring()) == 0) (void)driver.enter(1, Duration(-1));
      result = driver.run_one().result;
      took = world.now() - before;
      was_reset = pair.peer.was_reset();
    };
    FaultPlan plan = plan_for(body, Call::op_receive, Stage::completion, row.fault);
    CHECK(result == 6);
    CHECK(took < std::chrono::milliseconds(1));
    World world(1, plan);
    body(world);
    CHECK(result == row.result);
    CHECK(took >= row.at_least);
    CHECK(was_reset == row.resets_peer);
    CHECK(world.injected() == plan.faults);
    CHECK(world.failure() == "");
  }
}

TEST_CASE("a cancel meets each race") {
  struct Row {
    FaultKind kind;
    bool data_comes;
    std::vector<Completion> expected;  // user_data 1: the receive, 2: the cancel
    Duration between;
  };
  constexpr Duration little = std::chrono::milliseconds(1);
  const Row rows[] = {
      {FaultKind::target_first, true, {{1, -ECANCELED, 0}, {2, 0, 0}}, Duration(0)},
      {FaultKind::target_late, true, {{2, 0, 0}, {1, -ECANCELED, 0}}, little},
      {FaultKind::cancel_late, true, {{1, -ECANCELED, 0}, {2, 0, 0}}, little},
      {FaultKind::lost_found, true, {{1, 3, 0}, {2, -ENOENT, 0}}, Duration(0)},
      {FaultKind::lost_running, true, {{2, -EALREADY, 0}, {1, 3, 0}}, Duration(0)},
      {FaultKind::lost_found, false, {{1, -ECANCELED, 0}, {2, 0, 0}}, Duration(0)},
      {FaultKind::lost_running, false, {{2, -EALREADY, 0}, {1, -ECANCELED, 0}}, Duration(0)},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.kind));
    CAPTURE(row.data_comes);
    std::vector<Completion> got;
    Duration between{};
    auto body = [&](World& world) {
      got.clear();
      RingDriver driver;
      PeerPair pair(world);
      bool has_written = !row.data_comes;
      auto script = world.on_idle([&] { return !std::exchange(has_written, true) && pair.peer.write("abc") == 3; });
      std::array<char, 16> buffer{};
      io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
      driver.run_none();
      io_uring_prep_cancel64(driver.next(2), 1, 0);
      Instant first = Instant::never();
      while (got.size() < 2) {
        (void)driver.enter(1, Duration(-1));
        for (const Completion& completion : driver.take()) got.push_back(completion);
        first = std::min(first, world.now());
      }
      between = world.now() - first;
    };
    FaultPlan plan = plan_for(body, Call::op_cancel, Stage::cancel, {row.kind, 0});
    CHECK(got[0].user_data == 2);
    CHECK(got[0].result == 0);
    CHECK(got[1].result == -ECANCELED);
    World world(1, plan);
    body(world);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(got[i].user_data == row.expected[i].user_data);
      CHECK(got[i].result == row.expected[i].result);
    }
    CHECK(between >= row.between);
    CHECK(world.operations_in_flight() == 0);
  }
}

TEST_CASE("a cancel does not reach an operation that is held") {
  std::vector<Completion> got;
  auto body = [&](World& world) {
    RingDriver driver;
    PeerPair pair(world);
    std::array<char, 16> buffer{};
    pair.peer.write("abc");
    io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
    (void)driver.enter(1, std::chrono::seconds(1));
    io_uring_prep_cancel64(driver.next(2), 1, 0);
    got = driver.run(2);
    CHECK(world.now() < Instant::from_ns(0) + std::chrono::minutes(30));
  };
  FaultPlan plan = plan_for(body, Call::op_receive, Stage::completion, {FaultKind::held, 0});
  World world(1, plan);
  body(world);
  REQUIRE(got.size() == 2);
  CHECK(got[0].result == -EALREADY);
  CHECK(got[1].result == 3);
}

TEST_CASE("entering the ring meets each fault") {
  struct Row {
    Fault fault;
    unsigned queued;
    int result;
    unsigned left;   // in the submission queue
    unsigned ready;  // in the completion queue
  };
  const Row rows[] = {
      {{FaultKind::fail, EINTR}, 0, -EINTR, 0, 0}, {{FaultKind::fail, EAGAIN}, 4, -EAGAIN, 4, 0},
      {{FaultKind::fail, EBUSY}, 4, -EBUSY, 4, 0}, {{FaultKind::short_one, 0}, 4, 1, 3, 1},
      {{FaultKind::short_half, 0}, 4, 2, 2, 2},    {{FaultKind::return_early, 0}, 0, 0, 0, 0},
      {{FaultKind::overflow, 0}, 4, 4, 0, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.fault));
    World world(1, FaultPlan{.faults = {{1, row.fault}}});  // event 0 is ring_open
    RingDriver driver;
    for (unsigned i = 0; i < row.queued; ++i) io_uring_prep_nop(driver.next(i));
    CHECK(driver.enter(1, std::chrono::seconds(5)) == row.result);
    CHECK(io_uring_sq_ready(&driver.ring()) == row.left);
    CHECK(io_uring_cq_ready(&driver.ring()) == row.ready);
    CHECK(io_uring_cq_has_overflow(&driver.ring()) == (row.fault.kind == FaultKind::overflow));
    CHECK(world.now() < Instant::from_ns(1'000'000'000'000) + std::chrono::seconds(1));  // nobody waited
    if (row.queued == 0) continue;
    std::vector<Completion> all = driver.run(row.queued);
    for (unsigned i = 0; i < row.queued; ++i) CHECK(all[i].user_data == i);
  }
}

TEST_CASE("the last shot of a multishot carries data") {
  std::vector<Completion> got;
  auto body = [&](World& world) {
    RingDriver driver;
    BufferGroup buffers(driver, 4);
    PeerPair pair(world);
    pair.peer.write("abc");
    io_uring_sqe* sqe = driver.next(1);
    io_uring_prep_recv_multishot(sqe, pair.near, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    got = driver.run(1);
    if (got[0].has_more()) {
      io_uring_prep_cancel64(driver.next(2), 1, 0);
      (void)driver.run(2);
    }
  };
  FaultPlan plan = plan_for(body, Call::op_receive, Stage::completion, {FaultKind::last_shot, 0});
  CHECK(got[0].has_more());
  World world(1, plan);
  body(world);
  CHECK(got[0].result == 3);
  CHECK(got[0].has_buffer());
  CHECK_FALSE(got[0].has_more());
}

TEST_CASE("plain calls fail as planned and leave nothing behind") {
  struct Row {
    Call call;
    int error;
    std::function<long(World&)> body;
  };
  auto with_socket = [](auto use) {
    return [use](World&) -> long {
      int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
      if (fd < 0) return fd;
      long result = use(fd);
      kernel::close(fd);
      return result;
    };
  };
  const Row rows[] = {
      {Call::socket, EMFILE, with_socket([](int) { return 0; })},
      {Call::set_option, EINVAL, with_socket([](int fd) { return kernel::set_option(fd, 6, 1, 1); })},
      {Call::bind, EADDRINUSE, with_socket([](int fd) {
         Address any = Address::loopback(0);
         return kernel::bind(fd, any.data(), any.size());
       })},
      {Call::pipe, ENFILE,
       [](World&) -> long {
         int ends[2];
         int result = kernel::pipe(ends);
         if (result == 0) kernel::close(ends[0]);
         if (result == 0) kernel::close(ends[1]);
         return result;
       }},
      {Call::event_open, EMFILE,
       [](World&) -> long {
         int fd = kernel::event_open();
         if (fd >= 0) kernel::close(fd);
         return fd < 0 ? fd : 0;
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.call));
    long result = -1;
    auto body = [&](World& world) { result = row.body(world); };
    FaultPlan plan = plan_for(body, row.call, Stage::call, {FaultKind::fail, row.error});
    CHECK(result == 0);
    World world(1, plan);
    body(world);
    CHECK(result == -row.error);
    CHECK(world.open_descriptors() == 0);
    CHECK(world.failure() == "");
  }
}

TEST_CASE("a splice is short, refused, or finds the connection dead") {
  struct Row {
    Fault fault;
    long result;
    bool resets_peer;
  };
  const Row rows[] = {
      {{FaultKind::short_one, 0}, 1, false},
      {{FaultKind::short_half, 0}, 3, false},
      {{FaultKind::fail, EAGAIN}, -EAGAIN, false},
      {{FaultKind::fail, ECONNRESET}, -ECONNRESET, true},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.fault));
    long result = 0;
    bool was_reset = false;
    auto body = [&](World& world) {
      PeerPair pair(world);
      int ends[2];
      REQUIRE(kernel::pipe(ends) == 0);
      pair.peer.write("abcdef");
      result = kernel::splice(pair.near, ends[1], 100);
      was_reset = pair.peer.was_reset();
      kernel::close(ends[0]);
      kernel::close(ends[1]);
    };
    FaultPlan plan = plan_for(body, Call::splice, Stage::call, row.fault);
    CHECK(result == 6);
    World world(1, plan);
    body(world);
    CHECK(result == row.result);
    CHECK(was_reset == row.resets_peer);
  }
}

}  // namespace sluice::fault
