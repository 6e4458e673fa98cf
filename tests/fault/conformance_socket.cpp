#include <doctest/doctest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "conformance.hpp"
#include "ring_driver.hpp"

// What the simulated kernel and Linux must agree on; part of sluice-fault and of sluice-unit: connections.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

}  // namespace

TEST_CASE("conformance: nobody listens") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  ListeningSocket listener;
  listener.close();
  int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  REQUIRE(fd >= 0);
  io_uring_prep_connect(driver.next(1), fd, listener.address.data(), listener.address.size());
  CHECK(driver.run_one().result == -ECONNREFUSED);
  int error = -1;
  CHECK(kernel::get_option(fd, SOL_SOCKET, SO_ERROR, error) == 0);
  CHECK(error == 0);
  kernel::close(fd);
}

TEST_CASE("conformance: accepting one and many") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  ListeningSocket listener;
  CHECK(kernel::accept(listener.fd) == -EAGAIN);
  io_uring_prep_multishot_accept(driver.next(1), listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  driver.run_none();
  for (int i = 0; i < 2; ++i) {
    int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    io_uring_prep_connect(driver.next(2), fd, listener.address.data(), listener.address.size());
    std::vector<Completion> both = driver.run(2);
    const Completion& accepted = both[both[0].user_data == 1 ? 0 : 1];
    CHECK(accepted.result > fd);
    CHECK(accepted.has_more());
    kernel::close(accepted.result);
    kernel::close(fd);
  }
  io_uring_prep_cancel64(driver.next(3), 1, 0);
  Completion last = driver.run(2)[1];
  CHECK(last.result == -ECANCELED);
  CHECK_FALSE(last.has_more());
}

TEST_CASE("conformance: closing with unread data resets") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  send_bytes(driver, pair.near, "unread");
  send_bytes(driver, pair.far, "still here");
  SocketPair::close(pair.far);
  // What had come before the reset can still be read; the error comes after it, once.
  io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 10);
  io_uring_prep_recv(driver.next(2), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == -ECONNRESET);
  io_uring_prep_recv(driver.next(3), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 0);
  io_uring_prep_send(driver.next(4), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -EPIPE);
  CHECK(kernel::shutdown(pair.near, SHUT_WR) == -ENOTCONN);
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  CHECK(kernel::peer_address(pair.near, reinterpret_cast<sockaddr*>(&storage), size) == -ENOTCONN);
}

TEST_CASE("conformance: sending past the ring") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  CHECK(kernel::send(pair.near, "hello", 5, 0) == 5);
  io_uring_prep_recv(driver.next(1), pair.far, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 5);
  (void)fill(driver, pair.near);
  CHECK(kernel::send(pair.near, "x", 1, 0) == -EAGAIN);
  SocketPair::close(pair.far);  // unread bytes
  CHECK(kernel::send(pair.near, "x", 1, 0) == -ECONNRESET);
  CHECK(kernel::send(pair.near, "x", 1, 0) == -EPIPE);
}

TEST_CASE("conformance: sending to a reset connection") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  send_bytes(driver, pair.near, "unread");
  SocketPair::close(pair.far);
  io_uring_prep_send(driver.next(1), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -ECONNRESET);
  io_uring_prep_send(driver.next(2), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -EPIPE);
}

TEST_CASE("conformance: a close that resets") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  send_bytes(driver, pair.far, "incomplete");
  REQUIRE(kernel::reset_on_close(pair.far) == 0);
  SocketPair::close(pair.far);
  io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 10);
  io_uring_prep_recv(driver.next(2), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == -ECONNRESET);
}

TEST_CASE("conformance: shutting down both directions wakes a receive, and the other end hears of it") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 4);
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  io_uring_sqe* sqe = driver.next(1);
  io_uring_prep_recv_multishot(sqe, pair.near, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  driver.run_none();
  REQUIRE(kernel::shutdown(pair.near, SHUT_RDWR) == 0);
  Completion end = driver.run_one();
  CHECK(end.result == 0);
  CHECK_FALSE(end.has_more());
  io_uring_prep_recv(driver.next(2), pair.far, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 0);
  io_uring_prep_send(driver.next(3), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -EPIPE);
}

TEST_CASE("conformance: sending to a closed connection succeeds once") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  SocketPair::close(pair.far);
  send_bytes(driver, pair.near, "x");
  io_uring_prep_send(driver.next(1), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -EPIPE);
  io_uring_prep_recv(driver.next(2), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 0);
}

TEST_CASE("conformance: half-closing") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  io_uring_prep_shutdown(driver.next(1), pair.near, SHUT_WR);
  CHECK(driver.run_one().result == 0);
  io_uring_prep_send(driver.next(2), pair.near, "x", 1, 0);
  CHECK(driver.run_one().result == -EPIPE);
  send_bytes(driver, pair.far, "late");
  io_uring_prep_recv(driver.next(3), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 4);
  CHECK(kernel::shutdown(pair.far, SHUT_WR) == 0);
  CHECK(kernel::shutdown(pair.near, SHUT_RDWR) == -ENOTCONN);
}

TEST_CASE("conformance: poll tells readable, half-closed, hung up and failed apart") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  constexpr unsigned asked = POLLIN | POLLOUT | POLLRDHUP;
  auto poll_now = [&](int fd) {
    io_uring_prep_poll_add(driver.next(1), fd, asked);
    return driver.run_one().result;
  };
  CHECK(poll_now(pair.near) == POLLOUT);
  send_bytes(driver, pair.far, "x");
  CHECK(poll_now(pair.near) == (POLLIN | POLLOUT));
  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  CHECK(poll_now(pair.near) == (POLLIN | POLLOUT | POLLRDHUP));
  CHECK(poll_now(pair.far) == POLLOUT);
  REQUIRE(kernel::shutdown(pair.near, SHUT_WR) == 0);
  CHECK(poll_now(pair.near) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));

  SocketPair other(driver);
  send_bytes(driver, other.near, "unread");
  SocketPair::close(other.far);
  CHECK(poll_now(other.near) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR));
}

TEST_CASE("conformance: poll waits, and a multishot poll reports each change") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  io_uring_prep_poll_multishot(driver.next(1), pair.near, POLLIN);
  driver.run_none();
  for (int i = 0; i < 2; ++i) {
    io_uring_prep_send(driver.next(2), pair.far, "x", 1, 0);
    Completion seen = driver.run(2)[1];
    CHECK(seen.result == POLLIN);
    CHECK(seen.has_more());
    driver.run_none();
  }
  io_uring_prep_cancel64(driver.next(3), 1, 0);
  CHECK(driver.run(2)[1].result == -ECANCELED);
}

TEST_CASE("conformance: a poll is told of the peer's end whether it asks for that or not") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  (void)fill(driver, pair.near);
  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  io_uring_prep_poll_add(driver.next(1), pair.near, POLLOUT);
  CHECK(driver.run_one().result == POLLRDHUP);
}

TEST_CASE("conformance: a multishot poll for the peer's end sees a FIN behind unread bytes, and a reset behind that") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  send_bytes(driver, pair.far, "unread");
  io_uring_prep_poll_multishot(driver.next(1), pair.near, POLLRDHUP);
  driver.run_none();
  send_bytes(driver, pair.far, "more");
  driver.run_none();
  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  Completion seen = driver.run_one();
  CHECK((seen.result & (POLLRDHUP | POLLERR)) == POLLRDHUP);
  CHECK(seen.has_more());
  REQUIRE(kernel::reset_on_close(pair.far) == 0);
  SocketPair::close(pair.far);
  seen = driver.run_one();
  CHECK((seen.result & (POLLRDHUP | POLLERR)) == (POLLRDHUP | POLLERR));
  CHECK(seen.has_more());
  io_uring_prep_cancel64(driver.next(2), 1, 0);
  CHECK(driver.run(2)[1].result == -ECANCELED);
}

TEST_CASE("conformance: a send waits for room, and MSG_WAITALL for all of it") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::size_t sent = fill(driver, pair.near);
  std::string more(1000, 'y');
  io_uring_prep_send(driver.next(1), pair.near, more.data(), more.size(), MSG_WAITALL);
  driver.run_none();
  io_uring_prep_poll_add(driver.next(2), pair.near, POLLOUT);
  driver.run_none();
  std::vector<char> sink(sent);
  std::size_t received = 0;
  bool send_is_done = false;
  bool poll_is_done = false;
  while (received < sent + more.size()) {
    io_uring_prep_recv(driver.next(3), pair.far, sink.data(), sink.size(), 0);
    bool receive_is_done = false;
    while (!receive_is_done) {
      (void)driver.enter(1, std::chrono::seconds(2));
      for (const Completion& completion : driver.take()) {
        CHECK(completion.result > 0);
        if (completion.user_data == 1) {
          send_is_done = true;
          CHECK(completion.result == 1000);
        }
        if (completion.user_data == 2) poll_is_done = true;
        if (completion.user_data == 3) {
          receive_is_done = true;
          received += static_cast<std::size_t>(completion.result);
        }
      }
    }
  }
  CHECK(received == sent + more.size());
  if (!send_is_done || !poll_is_done)
    (void)driver.run(static_cast<unsigned>(!send_is_done) + static_cast<unsigned>(!poll_is_done));
}

}  // namespace sluice::fault
