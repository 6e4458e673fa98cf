#include "world.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "enumerate.hpp"
#include "peer_pair.hpp"
#include "ring_driver.hpp"

// What conformance cannot hold against Linux: simulated time, limits, scripted peers, and the checks on lifetimes.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

// Whether the process dies when it does `body`.
bool dies(const std::function<void()>& body) {
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(STDERR_FILENO);
    ::close(STDOUT_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    body();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

// A way to break a promise, and what the world says about it.
struct BrokenPromise {
  const char* name;
  std::string_view failure;
  std::function<void(World&)> body;
};

void check_noticed(std::span<const BrokenPromise> rows) {
  for (const BrokenPromise& row : rows) {
    CAPTURE(row.name);
    World world(1);
    row.body(world);
    CAPTURE(world.failure());
    CHECK(world.failure().find(row.failure) != std::string::npos);
    CHECK(world.open_descriptors() == 0);
  }
}

}  // namespace

TEST_CASE("a full descriptor table") {
  World world(1, FaultPlan{.descriptor_limit = 6});  // three numbers beside the first three
  RingDriver driver;
  ListeningSocket listener;
  Peer peer = world.connect(listener.address);
  int last = kernel::event_open();
  REQUIRE(last >= 0);
  CHECK(kernel::event_open() == -EMFILE);
  CHECK(kernel::socket(AF_INET, SOCK_STREAM) == -EMFILE);
  int ends[2];
  CHECK(kernel::pipe(ends) == -EMFILE);
  CHECK(kernel::accept(listener.fd) == -EMFILE);
  io_uring_prep_multishot_accept(driver.next(1), listener.fd, nullptr, nullptr, 0);
  Completion refused = driver.run_one();
  CHECK(refused.result == -EMFILE);
  CHECK_FALSE(refused.has_more());
  kernel::close(last);
  CHECK(kernel::pipe(ends) == -EMFILE);  // needs two
  io_uring_prep_accept(driver.next(2), listener.fd, nullptr, nullptr, 0);
  CHECK(driver.run_one().result == last);
  kernel::close(last);
}

TEST_CASE("listeners of one SO_REUSEPORT group take turns; others exclude each other") {
  World world(1);
  auto open = [](bool shares) {
    int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    CHECK(kernel::set_option(fd, SOL_SOCKET, SO_REUSEPORT, shares ? 1 : 0) == 0);
    return fd;
  };
  Address address = Address::loopback(80);
  int first = open(true);
  int second = open(true);
  int third = open(false);
  CHECK(kernel::bind(first, address.data(), address.size()) == 0);
  CHECK(kernel::bind(second, address.data(), address.size()) == 0);
  CHECK(kernel::bind(third, address.data(), address.size()) == -EADDRINUSE);
  CHECK(kernel::listen(first, 0) == 0);
  CHECK(kernel::listen(second, 0) == 0);
  std::array<Peer, 2> peers = {world.connect(address), world.connect(address)};
  CHECK_FALSE(world.connect(address).is_connected());  // both queues are full
  for (int fd : {first, second}) {
    int accepted = kernel::accept(fd);
    CHECK(accepted >= 0);
    kernel::close(accepted);
    CHECK(kernel::accept(fd) == -EAGAIN);
  }
  peers[0] = world.connect(address);
  peers[1] = world.connect(address);
  kernel::close(first);  // resets what is queued on it
  CHECK(peers[0].was_reset() != peers[1].was_reset());
  kernel::close(second);
  kernel::close(third);
  CHECK(world.failure() == "");
}

TEST_CASE("a connect waits while the listener's queue is full") {
  World world(1);
  RingDriver driver;
  PeerListener server = world.listen(Address::loopback(80), 0);
  Peer first = world.connect(server.address());
  int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  io_uring_prep_connect(driver.next(1), fd, server.address().data(), server.address().size());
  driver.run_none();
  Peer accepted = server.accept();
  CHECK(driver.run_one().result == 0);
  kernel::close(fd);
}

TEST_CASE("time passes only when nobody has anything to do") {
  World world(1);
  RingDriver driver;
  Instant start = world.now();
  int acts = 0;
  auto script = world.on_idle([&] { return ++acts <= 3; });
  std::vector<int> order;
  world.after(std::chrono::seconds(2), [&] { order.push_back(2); });
  world.after(std::chrono::seconds(1), [&] { order.push_back(1); });
  CHECK(driver.enter(1, std::chrono::minutes(1)) == -ETIME);
  CHECK(order == std::vector<int>{1, 2});
  CHECK(acts >= 4);
  CHECK(world.now() - start >= std::chrono::minutes(1));
  CHECK(world.now() - start < std::chrono::minutes(1) + std::chrono::milliseconds(1));
}

TEST_CASE("two rings take turns, and time passes for both") {
  World world(1);
  RingDriver first;
  RingDriver second;
  Instant start = world.now();
  // Something to do for the second one: the first one lets it.
  io_uring_prep_msg_ring(first.next(1), second.ring().ring_fd, 5, 6, 0);
  CHECK(first.run_one().result == 0);
  CHECK(first.enter(1, std::chrono::seconds(9)) == -EINTR);
  CHECK(second.run_one().user_data == 6);
  CHECK(world.now() - start < std::chrono::seconds(1));
  // Neither has: the earlier of both limits comes first.
  int timed_out = 0;
  for (int turn = 0; turn < 20 && timed_out == 0; ++turn) {
    CHECK(first.enter(1, std::chrono::seconds(9)) == -EINTR);
    timed_out += second.enter(1, std::chrono::seconds(4)) == -ETIME ? 1 : 0;
  }
  CHECK(timed_out == 1);
  CHECK(world.now() - start < std::chrono::seconds(5));
  // One whose loop has ended does not hold the other one up.
  int result = -EINTR;
  for (int turn = 0; turn < 100 && result == -EINTR; ++turn) result = first.enter(1, std::chrono::seconds(9));
  CHECK(result == -ETIME);
}

TEST_CASE("a run that cannot go on dies") {
  CHECK(dies([] {
    World world(1);
    RingDriver driver;
    (void)driver.enter(1, Duration(-1));
  }));
  CHECK(dies([] {
    World world(1, FaultPlan{.enters_max = 100});
    RingDriver driver;
    for (;;) (void)driver.enter(0, Duration(0));
  }));
  CHECK(dies([] {
    World world(1, FaultPlan{.enters_max = 100});
    RingDriver driver;
    auto script = world.on_idle([] { return true; });
    (void)driver.enter(1, Duration(-1));
  }));
  CHECK(dies([] {
    volatile bool spins = true;
    Scenario scenario{.name = "spin",
                      .run =
                          [&](World&) {
                            while (spins) continue;
                          },
                      .check = {},
                      .plan = {}};
    (void)run_once(scenario, 1, FaultPlan{.processor_seconds_max = 1});
  }));
  CHECK_FALSE(dies([] {
    World world(1);
    RingDriver driver;
    (void)driver.enter(1, Duration(1));
  }));
}

TEST_CASE("broken lifetimes of descriptors are noticed") {
  const BrokenPromise rows[] = {
      {"closing twice", "close on a closed descriptor",
       [](World&) {
         int fd = kernel::event_open();
         kernel::close(fd);
         kernel::close(fd);
       }},
      {"use after close", "shutdown on a closed descriptor",
       [](World&) {
         int fd = kernel::socket(AF_INET, SOCK_STREAM);
         kernel::close(fd);
         CHECK(kernel::shutdown(fd, SHUT_WR) == -EBADF);
       }},
      {"an operation on a closed descriptor", "op_receive on a closed descriptor",
       [](World&) {
         RingDriver driver;
         char byte = 0;
         io_uring_prep_recv(driver.next(1), 77, &byte, 1, 0);
         CHECK(driver.run_one().result == -EBADF);
       }},
      {"close with an operation in flight", "with operations in flight: 1",
       [](World& world) {
         RingDriver driver;
         PeerPair pair(world);
         char byte = 0;
         io_uring_prep_recv(driver.next(1), pair.near, &byte, 1, 0);
         driver.run_none();
         SocketPair::close(pair.near);
         pair.peer.close();
         CHECK(driver.run_one().result == 0);  // the operation had kept the socket
       }},
      {"a ring closed too early", "operations in flight on a closed ring",
       [](World& world) {
         PeerPair pair(world);
         RingDriver driver;
         char byte = 0;
         io_uring_prep_recv(driver.next(1), pair.near, &byte, 1, 0);
         driver.run_none();
       }},
      {"a blocking socket in splice", "non-blocking",
       [](World& world) {
         ListeningSocket listener;
         Peer peer = world.connect(listener.address);
         RingDriver driver;
         io_uring_prep_accept(driver.next(1), listener.fd, nullptr, nullptr, 0);
         int fd = driver.run_one().result;
         int ends[2];
         REQUIRE(kernel::pipe(ends) == 0);
         CHECK(kernel::splice(fd, ends[1], 1) == -EAGAIN);
         for (int each : {fd, ends[0], ends[1]}) kernel::close(each);
       }},
  };
  check_noticed(rows);
}

#if __has_feature(address_sanitizer)
TEST_CASE("broken lifetimes of memory are noticed") {
  const BrokenPromise rows[] = {
      {"a receive into freed memory", "freed memory in op_receive",
       [](World& world) {
         RingDriver driver;
         PeerPair pair(world);
         auto buffer = std::make_unique<char[]>(64);
         io_uring_prep_recv(driver.next(1), pair.near, buffer.get(), 64, 0);
         driver.run_none();
         buffer.reset();
         pair.peer.write("too late");
         (void)driver.run_one();
       }},
      {"a send from freed memory", "freed memory in op_send",
       [](World& world) {
         RingDriver driver;
         PeerPair pair(world);
         auto buffer = std::make_unique<char[]>(64);
         io_uring_prep_send(driver.next(1), pair.near, buffer.get(), 64, 0);
         buffer.reset();
         (void)driver.run_one();
       }},
      {"a provided buffer that was freed", "freed memory in op_receive",
       [](World& world) {
         RingDriver driver;
         PeerPair pair(world);
         io_uring_buf_ring* group = nullptr;
         REQUIRE(kernel::buffer_ring_open(driver.ring(), 1, 3, group) == 0);
         auto buffer = std::make_unique<char[]>(64);
         io_uring_buf_ring_add(group, buffer.get(), 64, 0, 0, 0);
         io_uring_buf_ring_advance(group, 1);
         buffer.reset();
         pair.peer.write("too late");
         io_uring_sqe* sqe = driver.next(1);
         io_uring_prep_recv(sqe, pair.near, nullptr, 0, 0);
         sqe->flags |= IOSQE_BUFFER_SELECT;
         sqe->buf_group = 3;
         CHECK(driver.run_one().has_buffer());
         kernel::buffer_ring_close(driver.ring(), 1, 3, group);
       }},
      {"a completion for an operation that is gone", "whose memory has been freed",
       [](World&) {
         RingDriver driver;
         auto operation = std::make_unique<std::uint64_t>(0);
         io_uring_prep_nop(driver.next(reinterpret_cast<std::uint64_t>(operation.get())));
         operation.reset();
         (void)driver.run_one();
       }},
  };
  check_noticed(rows);
}
#endif

TEST_CASE("a peer sees what the other end does") {
  World world(1);
  RingDriver driver;
  PeerListener server = world.listen(Address::loopback(80));
  int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  io_uring_prep_connect(driver.next(1), fd, server.address().data(), server.address().size());
  CHECK(driver.run_one().result == 0);
  REQUIRE(server.has_waiting());
  Peer peer = server.accept();
  send_bytes(driver, fd, "question");
  CHECK(peer.read(5) == "quest");
  CHECK(peer.read() == "ion");
  CHECK_FALSE(peer.at_end());
  CHECK(kernel::shutdown(fd, SHUT_WR) == 0);
  CHECK(peer.at_end());
  CHECK(peer.write("answer") == 6);
  CHECK(world.pending_bytes() == 6);
  kernel::close(fd);  // unread bytes
  CHECK(peer.was_reset());
  CHECK(peer.write("more") == 0);
  CHECK_FALSE(world.connect(Address::loopback(81)).is_connected());
}

TEST_CASE("a socket holds as many bytes as the plan says") {
  World world(1, FaultPlan{.socket_bytes = 3});
  RingDriver driver;
  PeerPair pair(world);
  CHECK(pair.peer.write("abcdef") == 3);
  io_uring_prep_send(driver.next(1), pair.near, "abcdef", 6, 0);
  CHECK(driver.run_one().result == 3);
  CHECK(pair.peer.read() == "abc");
  io_uring_prep_send(driver.next(1), pair.near, "abcdef", 6, MSG_WAITALL);
  driver.run_none();
  CHECK(pair.peer.read() == "abc");
  CHECK(driver.run_one().result == 6);
  CHECK(pair.peer.read() == "def");
}

}  // namespace sluice::fault
