#include "runtime/operation.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.hpp"
#include "runtime/loop_fixture.hpp"
#include "runtime/scope.hpp"

namespace sluice::runtime {
namespace {

using namespace std::string_view_literals;
using test::LoopFixture;
using test::outcome;

// What: two connected sockets; the second one is the test's own hand.
struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    for (int end : ends) ::close(end);
  }
  void say(std::string_view text) const {
    CHECK(::send(ends[1], text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void shut() const { (void)::shutdown(ends[1], SHUT_WR); }
  int ends[2] = {-1, -1};
};

struct Received {
  std::string how;  // empty: still waiting
  std::string bytes;
};

Task<void> receive_once(int fd, Received& out, Instant deadline) {
  std::array<char, 64> buffer{};
  Result<int> count = co_await receive(fd, buffer.data(), buffer.size(), deadline);
  out.how = outcome(count);
  if (count) out.bytes.assign(buffer.data(), static_cast<std::size_t>(*count));
}

TEST_CASE("an operation ends with bytes, the end, its deadline, a cancel or an error") {
  struct Row {
    std::string_view what;
    void (*action)(LoopFixture&, Pair&);
    std::string_view how;
    std::string_view bytes;
  };
  const Row rows[] = {
      {"bytes", [](LoopFixture&, Pair& pair) { pair.say("hello"); }, "ok", "hello"},
      {"end", [](LoopFixture&, Pair& pair) { pair.shut(); }, "ok", ""},
      {"deadline", [](LoopFixture&, Pair&) {}, "timed_out", ""},
      {"cancel", [](LoopFixture& fixture, Pair&) { fixture.loop().cancel_roots(); }, "cancelled", ""},
      {"cancel twice",
       [](LoopFixture& fixture, Pair&) {
         fixture.loop().cancel_roots();
         fixture.settle(1);
         fixture.loop().cancel_roots();
       },
       "cancelled", ""},
      {"shut down under it", [](LoopFixture&, Pair& pair) { (void)::shutdown(pair.ends[0], SHUT_RD); }, "ok", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    LoopFixture fixture;
    Pair pair;
    Received received;
    fixture.spawn(receive_once(pair.ends[0], received, row.what == "deadline" ? fixture.soon() : fixture.far()));
    fixture.settle(1);
    CHECK(received.how.empty());
    row.action(fixture, pair);
    fixture.run_until([&] { return fixture.loop().is_idle(); });
    CHECK(received.how == row.how);
    CHECK(received.bytes == row.bytes);
    CHECK(fixture.loop().wheel().armed() == 0);
  }
}

TEST_CASE("a deadline that has passed already cancels, but what is there is kept") {
  LoopFixture fixture;
  Pair pair;
  Received received;
  fixture.run(receive_once(pair.ends[0], received, Instant()));
  CHECK(received.how == "timed_out");
  pair.say("there");
  fixture.run(receive_once(pair.ends[0], received, Instant()));
  CHECK(received.how == "ok");
  CHECK(received.bytes == "there");
}

// Cancels the others as soon as it has something.
Task<void> race_to_receive(Scope& racers, int fd, Received& out, Instant deadline) {
  co_await receive_once(fd, out, deadline);
  racers.cancel();
}

TEST_CASE("an operation that has succeeded when it is cancelled keeps its bytes") {
  LoopFixture fixture;
  Pair first;
  Pair second;
  Received received[2];
  fixture.spawn([](Pair& a, Pair& b, Received* out, Instant deadline) -> Task<void> {
    Scope racers(co_await this_strand());
    racers.spawn("racer", race_to_receive(racers, a.ends[0], out[0], deadline));
    racers.spawn("racer", race_to_receive(racers, b.ends[0], out[1], deadline));
    co_await racers.join();
  }(first, second, received, fixture.far()));
  fixture.settle(1);
  // Both complete in one turn: the one that is dispatched first cancels the other one, whose bytes have been taken off
  // the socket already.
  first.say("first");
  second.say("second");
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(received[0].how == "ok");
  CHECK(received[0].bytes == "first");
  CHECK(received[1].how == "ok");
  CHECK(received[1].bytes == "second");
}

TEST_CASE("bytes that race with a cancel are with the reader or still in the socket") {
  LoopFixture fixture;
  for (int round = 0; round < 100; ++round) {
    Pair pair;
    Received received;
    fixture.spawn(receive_once(pair.ends[0], received, fixture.far()));
    fixture.settle(1);
    if (round % 2 == 0) pair.say("bytes");
    fixture.loop().cancel_roots();
    if (round % 2 != 0) pair.say("bytes");
    fixture.run_until([&] { return fixture.loop().is_idle(); });
    if (received.how == "ok") {
      REQUIRE(received.bytes == "bytes");
    } else {
      REQUIRE(received.how == "cancelled");
      std::array<char, 16> rest{};
      REQUIRE(::recv(pair.ends[0], rest.data(), rest.size(), MSG_DONTWAIT) == 5);
    }
  }
}

TEST_CASE("a cancelled strand starts no operation") {
  LoopFixture fixture;
  Pair pair;
  pair.say("unread");
  Received received;
  fixture.spawn([](int fd, Received& out, Instant deadline) -> Task<void> {
    (void)co_await sleep_until(deadline);
    co_await receive_once(fd, out, deadline);
  }(pair.ends[0], received, fixture.far()));
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(received.how == "cancelled");
  char byte = 0;
  CHECK(::recv(pair.ends[0], &byte, 1, MSG_DONTWAIT) == 1);
}

TEST_CASE("errors of the kernel are told as they are") {
  struct Row {
    const char* what;
    int fd;
    int os_error;
  };
  const Row rows[] = {{"no descriptor", -1, EBADF}, {"closed descriptor", 1 << 20, EBADF}};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    LoopFixture fixture;
    Result<int> seen = 0;
    fixture.run([](int fd, Result<int>& out, Instant deadline) -> Task<void> {
      char byte = 0;
      out = co_await receive(fd, &byte, 1, deadline);
    }(row.fd, seen, fixture.far()));
    REQUIRE_FALSE(seen.has_value());
    CHECK(seen.error().os_error == row.os_error);
    CHECK(outcome(seen) == "system");
  }
  LoopFixture fixture;
  Pair pair;
  (void)::shutdown(pair.ends[1], SHUT_RDWR);
  std::string sent;
  fixture.run([](int fd, std::string& out, Instant deadline) -> Task<void> {
    out = outcome(co_await send(fd, "x", 1, 0, deadline));
  }(pair.ends[0], sent, fixture.far()));
  CHECK(sent == "reset");
}

TEST_CASE("polling says what is there") {
  LoopFixture fixture;
  Pair pair;
  std::vector<unsigned> seen;
  fixture.spawn([](int fd, std::vector<unsigned>& out, Instant deadline) -> Task<void> {
    Result<int> events = co_await poll(fd, POLLOUT, deadline);
    if (events) out.push_back(static_cast<unsigned>(*events));
    events = co_await poll(fd, POLLIN, deadline);
    if (events) out.push_back(static_cast<unsigned>(*events));
  }(pair.ends[0], seen, fixture.far()));
  fixture.run_until([&] { return seen.size() == 1; });
  CHECK((seen[0] & POLLOUT) != 0);
  pair.say("!");
  fixture.run_until([&] { return seen.size() == 2; });
  CHECK((seen[1] & POLLIN) != 0);
}

TEST_CASE("more operations than the submission queue has room for") {
  LoopFixture fixture;
  constexpr std::size_t count = 300;
  std::vector<Pair> pairs(count);
  std::vector<Received> received(count);
  for (std::size_t i = 0; i < count; ++i) {
    fixture.spawn(receive_once(pairs[i].ends[0], received[i], fixture.far()));
  }
  CHECK(fixture.loop().operations_in_flight() >= count);
  for (std::size_t i = 0; i < count; i += 2) pairs[i].say("x");
  auto answered = [&] {
    return std::count_if(received.begin(), received.end(), [](auto& r) { return r.how == "ok"; });
  };
  fixture.run_until([&] { return answered() == count / 2; });
  // The cancels, too, are more than fit at once.
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  for (std::size_t i = 1; i < count; i += 2) CHECK(received[i].how == "cancelled");
}

TEST_CASE("sleeping ends with its moment, not before, or with a cancel") {
  LoopFixture fixture;
  Instant woken;
  const Instant until = fixture.soon();
  fixture.run([](Instant moment, Instant& out) -> Task<void> {
    CHECK(outcome(co_await sleep_until(moment)) == "ok");
    out = (co_await this_strand()).loop().now();
  }(until, woken));
  CHECK(woken >= until);

  std::vector<int> order;
  for (int i : {3, 1, 2}) {
    fixture.spawn([](Instant moment, int number, std::vector<int>& out) -> Task<void> {
      CHECK(outcome(co_await sleep_until(moment)) == "ok");
      out.push_back(number);
    }(fixture.loop().now() + std::chrono::milliseconds(4 * i), i, order));
  }
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(order == std::vector<int>{1, 2, 3});

  std::string how;
  fixture.spawn([](std::string& out, Instant moment) -> Task<void> { out = outcome(co_await sleep_until(moment)); }(
                                                         how, fixture.far()));
  fixture.loop().cancel_roots();
  CHECK(how.empty());
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  CHECK(how == "cancelled");
}

TEST_CASE("a connect that nobody answers for is refused") {
  LoopFixture fixture;
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;  // a path that is not there
  std::string how;
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::memcpy(reinterpret_cast<char*>(&address) + sizeof(sa_family_t), "/nowhere", 9);
  fixture.run([](int socket, const sockaddr_storage& to, std::string& out, Instant deadline) -> Task<void> {
    out = outcome(co_await connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(sa_family_t) + 9, deadline));
  }(fd, address, how, fixture.far()));
  CHECK(how == "refused");
  ::close(fd);
}

}  // namespace
}  // namespace sluice::runtime
