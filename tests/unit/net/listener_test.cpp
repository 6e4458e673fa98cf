#include "net/listener.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.hpp"
#include "net/stream_fixture.hpp"

namespace sluice::net {
namespace {

using test::NetFixture;
using test::outcome;

// What: keeps what was accepted.
class Accepted final : public Listener::Acceptor {
 public:
  Accepted() = default;
  Accepted(const Accepted&) = delete;
  Accepted& operator=(const Accepted&) = delete;
  ~Accepted() {
    for (int fd : fds) ::close(fd);
  }
  void on_connection(int fd) override { fds.push_back(fd); }
  void on_pause() override { ++pauses; }
  std::vector<int> fds;
  int pauses = 0;
};

Address address_of(int fd, bool is_peer = false) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE((is_peer ? ::getpeername(fd, generic, &size) : ::getsockname(fd, generic, &size)) == 0);
  return Address::from_sockaddr(generic, size);
}

int open_listener(const char* address) {
  auto opened = Listener::open_socket(*Address::parse(address), 64);
  REQUIRE(opened.has_value());
  return *opened;
}

test::Peer connect_to(const Address& address) {
  int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, address.data(), address.size()) == 0);
  return test::Peer(fd);
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

TEST_CASE("a socket that cannot be opened says why") {
  struct Row {
    std::string_view address;
    std::string_view outcome;
  };
  const Row rows[] = {
      {"192.0.2.1:0", "unreachable"},  // for documentation: no host has them
      {"203.0.113.7:80", "unreachable"},
      {"[2001:db8::1]:0", "unreachable"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CHECK(outcome(Listener::open_socket(*Address::parse(row.address), 16)) == row.outcome);
  }
}

TEST_CASE("what is accepted has the listener's congestion control") {
  NetFixture fixture;
  Accepted accepted;
  auto fd = Listener::open_socket(*Address::parse("127.0.0.1:0"), 16, "reno");
  REQUIRE(fd.has_value());
  const Address address = address_of(*fd);
  Listener listener(fixture.loop(), *fd, accepted);
  listener.start();
  test::Peer peer = connect_to(address);
  fixture.run_until([&] { return !accepted.fds.empty(); });
  std::array<char, runtime::kernel::congestion_control_bytes> memory;
  CHECK(runtime::kernel::congestion_control(accepted.fds.front(), memory) == "reno");
  fixture.run(listener.close());
}

TEST_CASE("shards share an address; others cannot take it") {
  int first = open_listener("127.0.0.1:0");
  const Address bound = address_of(first);
  CHECK(bound.port() != 0);
  auto second = Listener::open_socket(bound, 16);
  REQUIRE(second.has_value());
  int stranger = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::bind(stranger, bound.data(), bound.size()) != 0);
  for (int fd : {first, *second, stranger}) ::close(fd);
}

TEST_CASE("each connection is accepted once, as the data plane wants it") {
  for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
    CAPTURE(text);
    NetFixture fixture;
    Accepted accepted;
    int fd = open_listener(text);
    const Address address = address_of(fd);
    Listener listener(fixture.loop(), fd, accepted);
    listener.start();
    std::vector<test::Peer> peers;
    peers.reserve(40);
    for (int i = 0; i < 40; ++i) peers.push_back(connect_to(address));
    fixture.run_until([&] { return accepted.fds.size() == peers.size(); });
    std::set<std::uint16_t> ports;
    for (int connection : accepted.fds) {
      ports.insert(address_of(connection, true).port());
      CHECK(option(connection, IPPROTO_TCP, TCP_NODELAY) != 0);
      CHECK((::fcntl(connection, F_GETFL) & O_NONBLOCK) != 0);
      CHECK((::fcntl(connection, F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(ports.size() == peers.size());
    fixture.run(listener.close());
    CHECK(accepted.fds.size() == peers.size());
    CHECK(accepted.pauses == 0);
  }
}

TEST_CASE("closing takes what the backlog holds") {
  for (bool is_started : {true, false}) {
    CAPTURE(is_started);
    NetFixture fixture;
    Accepted accepted;
    int fd = open_listener("127.0.0.1:0");
    const Address address = address_of(fd);
    Listener listener(fixture.loop(), fd, accepted);
    if (is_started) listener.start();
    std::vector<test::Peer> peers;
    peers.reserve(20);
    for (int i = 0; i < 20; ++i) peers.push_back(connect_to(address));
    fixture.run(listener.close());
    REQUIRE(accepted.fds.size() == peers.size());
    // None of them was reset: each can still be spoken to.
    for (int connection : accepted.fds) CHECK(::send(connection, "hello", 5, MSG_NOSIGNAL) == 5);
    for (test::Peer& peer : peers) CHECK(peer.hear() == "hello");
    int late = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::connect(late, address.data(), address.size()) != 0);
    ::close(late);
  }
}

TEST_CASE("shards take turns at the one socket that they share") {
  constexpr int shards = 3;
  constexpr int rounds = 4;
  const Address address = *Address::parse("unix:@sluice-listener-test-" + std::to_string(::getpid()));
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  REQUIRE(::bind(socket, address.data(), address.size()) == 0);
  REQUIRE(::listen(socket, 64) == 0);
  NetFixture fixture;  // one loop is enough: it is the kernel's queue of waiting accepts that takes turns
  std::array<Accepted, shards> accepted;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (Accepted& one : accepted) {
    const int own = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    listeners.push_back(std::make_unique<Listener>(fixture.loop(), own, one));
    listeners.back()->start();
  }
  ::close(socket);
  fixture.settle();
  std::vector<test::Peer> peers;
  auto sum = [&] { return accepted[0].fds.size() + accepted[1].fds.size() + accepted[2].fds.size(); };
  for (int i = 0; i < shards * rounds; ++i) {
    peers.push_back(connect_to(address));
    fixture.run_until([&] { return sum() == peers.size(); });
    fixture.settle();
  }
  for (const Accepted& one : accepted) CHECK(one.fds.size() == rounds);
  for (int fd : accepted[0].fds) {
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  // What is in the queue when the first of them closes is taken, and the others go on.
  int closed = 0;
  auto close = [](Listener& listener, int& count) -> runtime::Task<void> {
    co_await listener.close();
    ++count;
  };
  fixture.spawn(close(*listeners[0], closed));
  fixture.run_until([&] { return closed == 1; });
  peers.push_back(connect_to(address));
  fixture.run_until([&] { return sum() == peers.size(); });
  for (std::size_t i : {std::size_t{1}, std::size_t{2}}) fixture.spawn(close(*listeners[i], closed));
  fixture.run_until([&] { return closed == shards; });
  const int late = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::connect(late, address.data(), address.size()) != 0);
  ::close(late);
}

// What: for as long as it lives, this process gets no further descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("without descriptors accepting pauses, and goes on when there are some") {
  for (bool is_closed_meanwhile : {false, true}) {
    CAPTURE(is_closed_meanwhile);
    NetFixture fixture;
    Accepted accepted;
    int fd = open_listener("127.0.0.1:0");
    Listener listener(fixture.loop(), fd, accepted);
    test::Peer peer = connect_to(address_of(fd));
    {
      NoDescriptors shortage;
      // The kernel goes by the limit that holds when the accept is armed.
      listener.start();
      fixture.run_until([&] { return accepted.pauses > 0; });
    }
    CHECK(accepted.fds.empty());
    if (!is_closed_meanwhile) fixture.run_until([&] { return accepted.fds.size() == 1; });
    fixture.run(listener.close());
    CHECK(accepted.fds.size() == 1);
  }
}

}  // namespace
}  // namespace sluice::net
