#pragma once

#include <doctest/doctest.h>
#include <liburing.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address.hpp"
#include "runtime/kernel.hpp"

// A ring, buffers and connections as the cases of this folder drive them: kernel.hpp and liburing's inline calls only.
namespace sluice::fault {

struct Completion {
  std::uint64_t user_data = 0;
  int result = 0;
  unsigned flags = 0;

  [[nodiscard]] bool has_more() const { return (flags & IORING_CQE_F_MORE) != 0; }
  [[nodiscard]] bool has_buffer() const { return (flags & IORING_CQE_F_BUFFER) != 0; }
  [[nodiscard]] unsigned buffer() const { return flags >> IORING_CQE_BUFFER_SHIFT; }
};

class RingDriver {
 public:
  explicit RingDriver(unsigned submissions = 16, unsigned completions = 64) {
    REQUIRE(runtime::kernel::ring_open(ring_, {submissions, completions}) == 0);
  }
  RingDriver(const RingDriver&) = delete;
  RingDriver& operator=(const RingDriver&) = delete;
  ~RingDriver() { runtime::kernel::ring_close(ring_); }

  [[nodiscard]] io_uring& ring() { return ring_; }

  [[nodiscard]] io_uring_sqe* next(std::uint64_t user_data) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    REQUIRE(sqe != nullptr);
    pending_data_.push_back({sqe, user_data});
    return sqe;
  }

  int enter(unsigned wait_count, Duration timeout) {
    // The prep functions clear user_data.
    for (auto& [sqe, data] : pending_data_) io_uring_sqe_set_data64(sqe, data);
    pending_data_.clear();
    return runtime::kernel::ring_enter(ring_, wait_count, timeout, Duration(0));
  }

  [[nodiscard]] std::vector<Completion> take() {
    std::vector<Completion> completions;
    unsigned head = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) completions.push_back({cqe->user_data, cqe->res, cqe->flags});
    io_uring_cq_advance(&ring_, static_cast<unsigned>(completions.size()));
    return completions;
  }

  // Submits, and waits for `count` completions.
  [[nodiscard]] std::vector<Completion> run(unsigned count) {
    std::vector<Completion> completions;
    for (int turn = 0; turn < 10 && completions.size() < count; ++turn) {
      (void)enter(count - static_cast<unsigned>(completions.size()), std::chrono::seconds(2));
      for (const Completion& completion : take()) completions.push_back(completion);
    }
    REQUIRE(completions.size() == count);
    return completions;
  }

  [[nodiscard]] Completion run_one() { return run(1).front(); }

  // Submits; nothing completes.
  void run_none() {
    (void)enter(0, Duration(0));
    CHECK(take().empty());
  }

 private:
  io_uring ring_{};
  std::vector<std::pair<io_uring_sqe*, std::uint64_t>> pending_data_;
};

// A group of provided buffers of 64 bytes; `given` of them are handed to the kernel.
class BufferGroup {
 public:
  static constexpr unsigned entries = 4;

  BufferGroup(RingDriver& driver, int given) : driver_(driver) {
    REQUIRE(runtime::kernel::buffer_ring_open(driver.ring(), entries, 0, buffers_) == 0);
    for (int i = 0; i < given; ++i) give(static_cast<unsigned short>(i));
  }
  BufferGroup(const BufferGroup&) = delete;
  BufferGroup& operator=(const BufferGroup&) = delete;
  ~BufferGroup() { runtime::kernel::buffer_ring_close(driver_.ring(), entries, 0, buffers_); }

  void give(unsigned short index) {
    io_uring_buf_ring_add(buffers_, memory_[index].data(), static_cast<unsigned>(memory_[index].size()), index,
                          io_uring_buf_ring_mask(entries), 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }

  [[nodiscard]] std::string_view bytes(const Completion& completion) const {
    REQUIRE(completion.has_buffer());
    return {memory_[completion.buffer()].data(), static_cast<std::size_t>(completion.result)};
  }

 private:
  RingDriver& driver_;
  io_uring_buf_ring* buffers_ = nullptr;
  std::array<std::array<char, 64>, entries> memory_{};
};

// A listening socket on a free port of 127.0.0.1.
class ListeningSocket {
 public:
  ListeningSocket() : fd(runtime::kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)) {
    Address any = Address::loopback(0);
    REQUIRE(runtime::kernel::bind(fd, any.data(), any.size()) == 0);
    REQUIRE(runtime::kernel::listen(fd, 16) == 0);
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    REQUIRE(runtime::kernel::local_address(fd, reinterpret_cast<sockaddr*>(&storage), size) == 0);
    address = Address::from(reinterpret_cast<sockaddr*>(&storage), size);
  }
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket() { close(); }

  void close() {
    if (fd >= 0) runtime::kernel::close(fd);
    fd = -1;
  }

  int fd;
  Address address;
};

// Both ends of a connection.
class SocketPair {
 public:
  explicit SocketPair(RingDriver& driver) {
    ListeningSocket listener;
    near = runtime::kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    REQUIRE(near >= 0);
    io_uring_prep_connect(driver.next(0), near, listener.address.data(), listener.address.size());
    CHECK(driver.run_one().result == 0);
    io_uring_prep_accept(driver.next(0), listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    far = driver.run_one().result;
    REQUIRE(far >= 0);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    close(near);
    close(far);
  }

  static void close(int& fd) {
    if (fd >= 0) runtime::kernel::close(fd);
    fd = -1;
  }

  int near = -1;
  int far = -1;
};

// Sends from `fd`; the socket has room.
inline void send_bytes(RingDriver& driver, int fd, std::string_view bytes) {
  io_uring_prep_send(driver.next(77), fd, bytes.data(), bytes.size(), 0);
  Completion sent = driver.run_one();
  CHECK(sent.user_data == 77);
  CHECK(sent.result == static_cast<int>(bytes.size()));
}

// Fills the way from `fd` to its peer until not even a byte more goes.
[[nodiscard]] inline std::size_t fill(RingDriver& driver, int fd) {
  std::string block(1 << 16, 'x');
  std::size_t sum = 0;
  for (;;) {
    io_uring_prep_send(driver.next(1), fd, block.data(), block.size(), MSG_DONTWAIT);
    int sent = driver.run_one().result;
    if (sent == -EAGAIN) return sum;
    REQUIRE(sent > 0);
    sum += static_cast<std::size_t>(sent);
  }
}

}  // namespace sluice::fault
