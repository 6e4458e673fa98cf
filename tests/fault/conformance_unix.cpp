#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "conformance.hpp"
#include "ring_driver.hpp"

// What the simulated kernel and Linux must agree on; part of sluice-fault and of sluice-unit: unix sockets, where they
// differ from TCP.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

constexpr int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

// A name that no other process uses.
std::string fresh_name(std::string_view prefix) {
  static int count = 0;
  return std::string(prefix) + "sluice-conformance-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

int open_socket() {
  int fd = kernel::socket(AF_UNIX, kind);
  REQUIRE(fd >= 0);
  return fd;
}

int listen_at(const Address& address, int backlog) {
  int fd = open_socket();
  REQUIRE(kernel::bind(fd, address.data(), address.size()) == 0);
  REQUIRE(kernel::listen(fd, backlog) == 0);
  return fd;
}

int connect_result(RingDriver& driver, int fd, const Address& address) {
  io_uring_prep_connect(driver.next(1), fd, address.data(), address.size());
  return driver.run_one().result;
}

int receive_result(RingDriver& driver, int fd) {
  std::array<char, 64> buffer{};
  io_uring_prep_recv(driver.next(2), fd, buffer.data(), buffer.size(), 0);
  return driver.run_one().result;
}

int send_result(RingDriver& driver, int fd) {
  io_uring_prep_send(driver.next(3), fd, "x", 1, MSG_NOSIGNAL);
  return driver.run_one().result;
}

// Both ends of a connection, and what they were made from.
struct UnixPair {
  explicit UnixPair(RingDriver& driver) : address(Address::unix_socket(fresh_name("@"))) {
    int listener = listen_at(address, 16);
    near = open_socket();
    CHECK(connect_result(driver, near, address) == 0);
    far = kernel::accept(listener);
    REQUIRE(far >= 0);
    kernel::close(listener);
  }
  UnixPair(const UnixPair&) = delete;
  UnixPair& operator=(const UnixPair&) = delete;
  ~UnixPair() {
    SocketPair::close(near);
    SocketPair::close(far);
  }
  Address address;
  int near = -1;
  int far = -1;
};

}  // namespace

TEST_CASE("conformance: a unix socket that is not there, and one where nobody is any more") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  const std::string path = fresh_name("/tmp/");
  const Address file = Address::unix_socket(path);
  int fd = open_socket();
  CHECK(connect_result(driver, fd, file) == -ENOENT);
  CHECK(connect_result(driver, fd, Address::unix_socket(fresh_name("@"))) == -ECONNREFUSED);
  kernel::close(listen_at(file, 16));
  CHECK(connect_result(driver, fd, file) == -ECONNREFUSED);
  kernel::close(fd);
  // The file is in the way, although nobody has it open.
  fd = open_socket();
  CHECK(kernel::bind(fd, file.data(), file.size()) == -EADDRINUSE);
  kernel::close(fd);
  (void)::unlink(path.c_str());
}

TEST_CASE("conformance: a full queue of a unix socket refuses at once") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  const Address address = Address::unix_socket(fresh_name("@"));
  int listener = listen_at(address, 0);
  int first = open_socket();
  int second = open_socket();
  CHECK(connect_result(driver, first, address) == 0);
  CHECK(connect_result(driver, second, address) == -EAGAIN);
  CHECK(connect_result(driver, second, address) == -EAGAIN);
  int accepted = kernel::accept(listener);
  REQUIRE(accepted >= 0);
  CHECK(connect_result(driver, second, address) == 0);
  for (int fd : {first, second, accepted, listener}) kernel::close(fd);
}

TEST_CASE("conformance: what a unix socket says of itself") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  UnixPair pair(driver);
  int domain = 0;
  CHECK(kernel::get_option(pair.near, SOL_SOCKET, SO_DOMAIN, domain) == 0);
  CHECK(domain == AF_UNIX);
  CHECK(kernel::set_option(pair.near, IPPROTO_TCP, TCP_NODELAY, 1) == -EOPNOTSUPP);
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  CHECK(kernel::peer_address(pair.far, reinterpret_cast<sockaddr*>(&storage), size) == 0);
  CHECK(size == sizeof(sa_family_t));
  CHECK(storage.ss_family == AF_UNIX);
  size = sizeof storage;
  CHECK(kernel::peer_address(pair.near, reinterpret_cast<sockaddr*>(&storage), size) == 0);
  CHECK(Address::from(reinterpret_cast<sockaddr*>(&storage), size) == pair.address);
}

TEST_CASE("conformance: closing a unix socket") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SUBCASE("with nothing unread") {
    UnixPair pair(driver);
    send_bytes(driver, pair.far, "last words");
    SocketPair::close(pair.far);
    CHECK(send_result(driver, pair.near) == -EPIPE);  // not one byte goes
    CHECK(receive_result(driver, pair.near) == 10);
    CHECK(receive_result(driver, pair.near) == 0);
    CHECK(kernel::shutdown(pair.near, SHUT_WR) == 0);
  }
  SUBCASE("with unread data") {
    UnixPair pair(driver);
    send_bytes(driver, pair.near, "unread");
    send_bytes(driver, pair.far, "still here");
    SocketPair::close(pair.far);
    CHECK(receive_result(driver, pair.near) == 10);
    CHECK(receive_result(driver, pair.near) == -ECONNRESET);
    CHECK(receive_result(driver, pair.near) == 0);
    CHECK(send_result(driver, pair.near) == -EPIPE);
  }
  SUBCASE("no close resets") {
    UnixPair pair(driver);
    send_bytes(driver, pair.far, "incomplete");
    CHECK(kernel::reset_on_close(pair.far) == 0);
    SocketPair::close(pair.far);
    CHECK(receive_result(driver, pair.near) == 10);
    CHECK(receive_result(driver, pair.near) == 0);
  }
}

TEST_CASE("conformance: shutting a unix socket down") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  UnixPair pair(driver);
  CHECK(kernel::shutdown(pair.near, SHUT_WR) == 0);
  CHECK(receive_result(driver, pair.far) == 0);
  send_bytes(driver, pair.far, "answer");
  CHECK(receive_result(driver, pair.near) == 6);
  CHECK(kernel::shutdown(pair.near, SHUT_RDWR) == 0);
  CHECK(send_result(driver, pair.far) == -EPIPE);  // the other end knows that nobody reads
  io_uring_prep_poll_add(driver.next(4), pair.far, POLLIN | POLLRDHUP);
  CHECK((driver.run_one().result & (POLLRDHUP | POLLHUP)) == (POLLRDHUP | POLLHUP));
}

TEST_CASE("conformance: splice between unix sockets") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  UnixPair source(driver);
  UnixPair target(driver);
  int pipe[2];
  REQUIRE(kernel::pipe(pipe) == 0);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -EAGAIN);
  send_bytes(driver, source.far, "hello");
  CHECK(kernel::splice(source.near, pipe[1], 100) == 5);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -EAGAIN);
  CHECK(kernel::splice(pipe[0], target.near, 100) == 5);
  CHECK(receive_result(driver, target.far) == 5);
  SocketPair::close(source.far);
  CHECK(kernel::splice(source.near, pipe[1], 100) == 0);
  SocketPair::close(target.far);
  kernel::close(pipe[0]);
  kernel::close(pipe[1]);
}

}  // namespace sluice::fault
