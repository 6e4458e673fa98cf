#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <vector>

#include "conformance.hpp"
#include "ring_driver.hpp"

// What the simulated kernel and Linux must agree on; part of sluice-fault and of sluice-unit: the ring itself.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

}  // namespace

TEST_CASE("conformance: cancelling what waits, what is done and what never was") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
  driver.run_none();
  io_uring_prep_cancel64(driver.next(2), 1, 0);
  std::vector<Completion> both = driver.run(2);
  CHECK(both[0].user_data == 2);
  CHECK(both[0].result == 0);
  CHECK(both[1].user_data == 1);
  CHECK(both[1].result == -ECANCELED);

  io_uring_prep_cancel64(driver.next(3), 1, 0);
  CHECK(driver.run_one().result == -ENOENT);

  // Submitted together, in both orders.
  io_uring_prep_recv(driver.next(4), pair.near, buffer.data(), buffer.size(), 0);
  io_uring_prep_cancel64(driver.next(5), 4, 0);
  both = driver.run(2);
  CHECK(both[0].user_data == 5);
  CHECK(both[0].result == 0);
  CHECK(both[1].result == -ECANCELED);
  io_uring_prep_cancel64(driver.next(6), 7, 0);
  io_uring_prep_recv(driver.next(7), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == -ENOENT);
  io_uring_prep_cancel64(driver.next(8), 7, 0);
  (void)driver.run(2);

  // Data that has come does not save an operation that was cancelled before it could see it.
  io_uring_prep_recv(driver.next(9), pair.near, buffer.data(), buffer.size(), 0);
  driver.run_none();
  io_uring_prep_send(driver.next(10), pair.far, "x", 1, 0);
  io_uring_prep_cancel64(driver.next(11), 9, 0);
  std::vector<Completion> three = driver.run(3);
  CHECK(three[2].user_data == 9);
  CHECK(three[2].result == -ECANCELED);
  io_uring_prep_recv(driver.next(12), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == 1);
}

TEST_CASE("conformance: timeouts expire with ETIME and can be cancelled") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  __kernel_timespec soon{.tv_sec = 0, .tv_nsec = 1'000'000};
  __kernel_timespec far_off{.tv_sec = 1000, .tv_nsec = 0};
  Instant before = kernel::now();
  io_uring_prep_timeout(driver.next(1), &soon, 0, 0);
  CHECK(driver.run_one().result == -ETIME);
  CHECK(kernel::now() - before >= std::chrono::milliseconds(1));
  io_uring_prep_timeout(driver.next(2), &far_off, 0, 0);
  driver.run_none();
  io_uring_prep_cancel64(driver.next(3), 2, 0);
  std::vector<Completion> both = driver.run(2);
  bool cancel_first = both[0].user_data == 3;
  CHECK(both[cancel_first ? 0 : 1].result == 0);
  CHECK(both[cancel_first ? 1 : 0].result == -ECANCELED);
}

TEST_CASE("conformance: waiting without result") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  Instant before = kernel::now();
  CHECK(driver.enter(1, std::chrono::milliseconds(2)) == -ETIME);
  CHECK(kernel::now() - before >= std::chrono::milliseconds(2));
  CHECK(driver.enter(0, Duration(0)) == 0);
  // What was submitted counts for more than that the time is over.
  __kernel_timespec far_off{.tv_sec = 1000, .tv_nsec = 0};
  io_uring_prep_timeout(driver.next(1), &far_off, 0, 0);
  CHECK(driver.enter(1, std::chrono::milliseconds(1)) == 1);
  io_uring_prep_cancel64(driver.next(2), 1, 0);
  CHECK(driver.enter(2, std::chrono::seconds(2)) == 1);
  CHECK(driver.take().size() == 2);
}

TEST_CASE("conformance: a closed number is given out again") {
  KernelUnderTest kernel_under_test;
  int first = kernel::event_open();
  int second = kernel::event_open();
  kernel::close(first);
  int third = kernel::event_open();
  CHECK(third == first);
  kernel::close(second);
  kernel::close(third);
}

TEST_CASE("conformance: an eventfd wakes a read and hands over its count") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  int fd = kernel::event_open();
  REQUIRE(fd >= 0);
  std::uint64_t count = 0;
  io_uring_prep_read(driver.next(1), fd, &count, sizeof count, 0);
  driver.run_none();
  REQUIRE(kernel::event_signal(fd) == 0);
  REQUIRE(kernel::event_signal(fd) == 0);
  CHECK(driver.run_one().result == 8);
  CHECK(count == 2);
  kernel::close(fd);
}

TEST_CASE("conformance: a message to another ring") {
  KernelUnderTest kernel_under_test;
  RingDriver from;
  RingDriver to;
  io_uring_prep_msg_ring(from.next(1), to.ring().ring_fd, 42, 99, 0);
  CHECK(from.run_one().result == 0);
  Completion message = to.run_one();
  CHECK(message.user_data == 99);
  CHECK(message.result == 42);
}

TEST_CASE("conformance: completions that find no room wait behind the queue") {
  KernelUnderTest kernel_under_test;
  RingDriver driver(8, 8);
  for (std::uint64_t i = 0; i < 8; ++i) io_uring_prep_nop(driver.next(i));
  (void)driver.enter(0, Duration(0));
  CHECK_FALSE(io_uring_cq_has_overflow(&driver.ring()));
  for (std::uint64_t i = 8; i < 11; ++i) io_uring_prep_nop(driver.next(i));
  (void)driver.enter(0, Duration(0));
  CHECK(io_uring_cq_has_overflow(&driver.ring()));
  std::vector<Completion> first = driver.take();
  CHECK(first.size() == 8);
  std::vector<Completion> rest = driver.run(3);
  for (std::uint64_t i = 0; i < 3; ++i) CHECK(rest[i].user_data == 8 + i);
  CHECK_FALSE(io_uring_cq_has_overflow(&driver.ring()));
}

TEST_CASE("conformance: what Linux refuses") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  int event = kernel::event_open();
  std::array<char, 16> buffer{};
  io_uring_prep_rw(250, driver.next(1), pair.near, nullptr, 0, 0);
  CHECK(driver.run_one().result == -EINVAL);
  io_uring_prep_recv(driver.next(2), event, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == -ENOTSOCK);
  io_uring_prep_recv_multishot(driver.next(3), pair.near, buffer.data(), buffer.size(), 0);
  CHECK(driver.run_one().result == -EINVAL);
  io_uring_prep_read(driver.next(4), event, buffer.data(), 4, 0);
  CHECK(driver.run_one().result == -EINVAL);
  io_uring_prep_multishot_accept(driver.next(5), pair.near, nullptr, nullptr, 0);
  CHECK(driver.run_one().result == -EINVAL);
  CHECK(kernel::splice(pair.near, pair.far, 1) == -EINVAL);
  CHECK(kernel::accept(pair.near) == -EINVAL);
  kernel::close(event);
}

}  // namespace sluice::fault
