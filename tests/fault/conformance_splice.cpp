#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>

#include "conformance.hpp"
#include "ring_driver.hpp"

// What the simulated kernel and Linux must agree on; part of sluice-fault and of sluice-unit: pipes and splice.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

}  // namespace

TEST_CASE("conformance: splice from a socket into a pipe and on") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair source(driver);
  SocketPair target(driver);
  int pipe[2];
  REQUIRE(kernel::pipe(pipe) == 0);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -EAGAIN);
  CHECK(kernel::splice(pipe[0], target.near, 100) == -EAGAIN);
  send_bytes(driver, source.far, "hello");
  CHECK(kernel::splice(source.near, pipe[1], 100) == 5);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -EAGAIN);
  CHECK(kernel::splice(pipe[0], target.near, 2) == 2);
  CHECK(kernel::splice(pipe[0], target.near, 100) == 3);
  std::array<char, 16> buffer{};
  io_uring_prep_recv(driver.next(1), target.far, buffer.data(), buffer.size(), MSG_WAITALL);
  driver.run_none();
  REQUIRE(kernel::shutdown(target.near, SHUT_WR) == 0);
  CHECK(driver.run_one().result == 5);
  CHECK(std::string(buffer.data(), 5) == "hello");

  REQUIRE(kernel::shutdown(source.far, SHUT_WR) == 0);
  CHECK(kernel::splice(source.near, pipe[1], 100) == 0);
  CHECK(kernel::splice(source.near, pipe[1], 100) == 0);
  kernel::close(pipe[1]);
  CHECK(kernel::splice(pipe[0], target.near, 100) == 0);
  kernel::close(pipe[0]);
}

TEST_CASE("conformance: splice and connections that died") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair source(driver);
  SocketPair target(driver);
  int pipe[2];
  REQUIRE(kernel::pipe(pipe) == 0);
  send_bytes(driver, source.far, "hello");
  CHECK(kernel::splice(source.near, pipe[1], 100) == 5);
  send_bytes(driver, source.near, "unread");
  SocketPair::close(source.far);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -ECONNRESET);
  CHECK(kernel::splice(source.near, pipe[1], 100) == 0);

  send_bytes(driver, target.near, "unread");
  SocketPair::close(target.far);
  CHECK(kernel::splice(pipe[0], target.near, 100) == -ECONNRESET);
  CHECK(kernel::splice(pipe[0], target.near, 100) == -EPIPE);
  kernel::close(pipe[0]);
  CHECK(kernel::splice(source.near, pipe[1], 100) == -EPIPE);
  kernel::close(pipe[1]);
}

TEST_CASE("conformance: splice into a full socket and a full pipe") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair source(driver);
  SocketPair target(driver);
  int pipe[2];
  REQUIRE(kernel::pipe(pipe) == 0);
  CHECK(kernel::set_pipe_size(pipe[1], 4096) == 4096);
  send_bytes(driver, source.far, std::string(20'000, 'x'));
  long moved = kernel::splice(source.near, pipe[1], 100'000);
  CHECK(moved > 0);
  CHECK(moved < 20'000);
  CHECK(kernel::splice(source.near, pipe[1], 100'000) == -EAGAIN);
  (void)fill(driver, target.near);
  CHECK(kernel::splice(pipe[0], target.near, 100'000) == -EAGAIN);
  kernel::close(pipe[0]);
  kernel::close(pipe[1]);
}

TEST_CASE("conformance: the size of a pipe is rounded up") {
  KernelUnderTest kernel_under_test;
  int pipe[2];
  REQUIRE(kernel::pipe(pipe) == 0);
  CHECK(kernel::set_pipe_size(pipe[1], 1) == 4096);
  CHECK(kernel::set_pipe_size(pipe[0], 5000) == 8192);
  CHECK(kernel::set_pipe_size(pipe[0], 0) == 4096);
  kernel::close(pipe[0]);
  kernel::close(pipe[1]);
}

}  // namespace sluice::fault
