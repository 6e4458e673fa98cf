#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "conformance.hpp"
#include "ring_driver.hpp"

// What the simulated kernel and Linux must agree on; part of sluice-fault and of sluice-unit: receiving.
namespace sluice::fault {

namespace {

namespace kernel = runtime::kernel;

void receive_multishot(RingDriver& driver, int fd, std::uint64_t user_data) {
  io_uring_sqe* sqe = driver.next(user_data);
  io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
}

}  // namespace

TEST_CASE("conformance: a receive gets what is there, what comes, and the end") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 16> buffer{};
  send_bytes(driver, pair.far, "ab");
  io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), 0);
  Completion first = driver.run_one();
  CHECK(first.result == 2);
  CHECK((first.flags & IORING_CQE_F_SOCK_NONEMPTY) == 0);
  CHECK(std::string(buffer.data(), 2) == "ab");

  io_uring_prep_recv(driver.next(2), pair.near, buffer.data(), 1, 0);
  driver.run_none();
  io_uring_prep_send(driver.next(3), pair.far, "cd", 2, 0);
  std::vector<Completion> both = driver.run(2);
  CHECK(both[0].user_data == 3);
  CHECK(both[1].user_data == 2);
  CHECK(both[1].result == 1);
  CHECK((both[1].flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);

  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  io_uring_prep_recv(driver.next(4), pair.near, buffer.data(), buffer.size(), 0);
  Completion last_byte = driver.run_one();
  CHECK(last_byte.result == 1);
  CHECK((last_byte.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);  // the end counts as something to read
  for (int i = 0; i < 2; ++i) {
    io_uring_prep_recv(driver.next(5), pair.near, buffer.data(), buffer.size(), 0);
    CHECK(driver.run_one().result == 0);
  }
}

TEST_CASE("conformance: MSG_WAITALL receives until the end") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  SocketPair pair(driver);
  std::array<char, 4> buffer{};
  send_bytes(driver, pair.far, "ab");
  io_uring_prep_recv(driver.next(1), pair.near, buffer.data(), buffer.size(), MSG_WAITALL);
  driver.run_none();
  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  CHECK(driver.run_one().result == 2);
}

TEST_CASE("conformance: a multishot receive ends with 0 at the end, and without a buffer") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 4);
  SocketPair pair(driver);
  receive_multishot(driver, pair.near, 1);
  driver.run_none();
  io_uring_prep_send(driver.next(2), pair.far, "hello", 5, 0);
  std::vector<Completion> got = driver.run(2);
  CHECK(got[1].result == 5);
  CHECK(got[1].has_more());
  CHECK(buffers.bytes(got[1]) == "hello");

  REQUIRE(kernel::shutdown(pair.far, SHUT_WR) == 0);
  Completion end = driver.run_one();
  CHECK(end.result == 0);
  CHECK_FALSE(end.has_more());
  CHECK_FALSE(end.has_buffer());
}

TEST_CASE("conformance: a multishot receive takes one buffer after the other and ends with ENOBUFS") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 2);
  SocketPair pair(driver);
  std::string bytes(150, 'x');
  send_bytes(driver, pair.far, bytes);
  receive_multishot(driver, pair.near, 1);
  std::vector<Completion> got = driver.run(3);
  CHECK(got[0].result == 64);
  CHECK(got[0].buffer() == 0);
  CHECK((got[0].flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);
  CHECK(got[1].result == 64);
  CHECK(got[1].buffer() == 1);
  CHECK(got[1].has_more());
  CHECK(got[2].result == -ENOBUFS);
  CHECK_FALSE(got[2].has_more());
  CHECK_FALSE(got[2].has_buffer());

  // What was not received is still there.
  buffers.give(1);
  receive_multishot(driver, pair.near, 2);
  Completion rest = driver.run_one();
  CHECK(rest.result == 22);
  CHECK(rest.buffer() == 1);
  io_uring_prep_cancel64(driver.next(3), 2, 0);
  CHECK(driver.run(2)[0].result == 0);
}

TEST_CASE("conformance: an empty buffer group is noticed before the wait") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 0);
  SocketPair pair(driver);
  receive_multishot(driver, pair.near, 1);
  CHECK(driver.run_one().result == -ENOBUFS);
  io_uring_sqe* sqe = driver.next(2);
  io_uring_prep_recv(sqe, pair.near, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  CHECK(driver.run_one().result == -ENOBUFS);
}

TEST_CASE("conformance: the buffers may run out while a multishot receive waits") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 1);
  SocketPair pair(driver);
  receive_multishot(driver, pair.near, 1);
  driver.run_none();
  io_uring_prep_send(driver.next(2), pair.far, "a", 1, 0);
  CHECK(driver.run(2)[1].has_more());
  driver.run_none();  // no data, no complaint
  io_uring_prep_send(driver.next(3), pair.far, "b", 1, 0);
  Completion last = driver.run(2)[1];
  CHECK(last.result == -ENOBUFS);
  CHECK_FALSE(last.has_more());
}

TEST_CASE("conformance: a cancelled multishot ends without F_MORE") {
  KernelUnderTest kernel_under_test;
  RingDriver driver;
  BufferGroup buffers(driver, 4);
  SocketPair pair(driver);
  receive_multishot(driver, pair.near, 1);
  driver.run_none();
  io_uring_prep_cancel64(driver.next(2), 1, 0);
  std::vector<Completion> both = driver.run(2);
  CHECK(both[0].result == 0);
  CHECK(both[1].result == -ECANCELED);
  CHECK_FALSE(both[1].has_more());
  CHECK_FALSE(both[1].has_buffer());
}

TEST_CASE("conformance: a multishot that finds the completion queue full ends with what it has") {
  KernelUnderTest kernel_under_test;
  RingDriver driver(4, 4);
  BufferGroup buffers(driver, 4);
  SocketPair pair(driver);
  receive_multishot(driver, pair.near, 1);
  driver.run_none();
  std::string four_buffers(256, 'x');
  io_uring_prep_send(driver.next(2), pair.far, four_buffers.data(), four_buffers.size(), 0);
  std::vector<Completion> got = driver.run(5);
  CHECK(got[0].user_data == 2);
  for (std::size_t i = 1; i < 5; ++i) {
    CHECK(got[i].result == 64);
    CHECK(got[i].has_buffer());
    CHECK(got[i].has_more() == (i < 4));
  }
}

}  // namespace sluice::fault
