#pragma once

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "memory/block_pool.hpp"
#include "net/stream.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop_fixture.hpp"

namespace sluice::test {

// What: the test's own end of a connection: plain, non-blocking system calls.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() { close(); }

  [[nodiscard]] int fd() const { return fd_; }
  // How much of it the socket took.
  std::size_t say(std::string_view text) const {
    ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // What has arrived, at most `bytes_max`. "" where there is nothing yet.
  [[nodiscard]] std::string hear(std::size_t bytes_max = 1 << 20) {
    std::string text(bytes_max, '\0');
    ssize_t count = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    if (count == 0) at_end_ = true;
    if (count < 0 && errno != EAGAIN) errno_ = errno;
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
  }
  // After a hear(): the end came, or an error.
  [[nodiscard]] bool has_ended() const { return at_end_ || errno_ != 0; }
  [[nodiscard]] int error() const { return errno_; }
  void finish() const { (void)::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    (void)::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  bool at_end_ = false;
  int errno_ = 0;
};

// Two ends of a TCP connection over the loopback, both non-blocking.
// buffer_bytes: of what either side's kernel holds on its way; 0: the kernel's own choice.
inline std::pair<int, int> tcp_pair(int buffer_bytes = 0) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (buffer_bytes != 0) {
    for (int fd : {listener, client}) {
      (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
      (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener, generic, size) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, generic, &size) == 0);
  REQUIRE((::connect(client, generic, size) == 0 || errno == EINPROGRESS));
  int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  REQUIRE(accepted >= 0);
  pollfd connected{client, POLLOUT, 0};
  REQUIRE(::poll(&connected, 1, 60'000) == 1);
  ::close(listener);
  return {accepted, client};
}

// Bytes that tell their place: a wrong, doubled or lost piece shows.
inline std::string numbered_bytes(std::size_t count) {
  std::string bytes;
  bytes.reserve(count + 8);
  for (std::size_t number = 0; bytes.size() < count; ++number) bytes += std::to_string(number) + " ";
  bytes.resize(count);
  return bytes;
}

// What: a loop with the pools that connections need.
class NetFixture : public LoopFixture {
 public:
  // buffer_bytes and buffer_count: of the provided buffers.
  explicit NetFixture(std::size_t buffer_bytes = 4096, unsigned buffer_count = 64) {
    // Without MSG_NOSIGNAL, which splice(2) has no place for, a dead connection raises SIGPIPE.
    std::signal(SIGPIPE, SIG_IGN);
    auto opened = runtime::BufferRing::open(loop(), buffer_bytes, buffer_count);
    REQUIRE(opened.has_value());
    buffers_ = std::move(*opened);
  }
  ~NetFixture() {
    run_until([this] { return loop().is_idle(); });
    CHECK(buffers_->outstanding() == 0);
    CHECK(blocks_.outstanding() == 0);
    buffers_.reset();
  }
  [[nodiscard]] runtime::BufferRing& buffers() { return *buffers_; }
  [[nodiscard]] memory::BlockPool& blocks() { return blocks_; }

 private:
  memory::BlockPool blocks_{8192, 16};
  std::unique_ptr<runtime::BufferRing> buffers_;
};

// What: a stream under test and its peer. Closes the stream at its end.
class Connected {
 public:
  explicit Connected(NetFixture& fixture, unsigned share_max = 16, int buffer_bytes = 0)
      : Connected(fixture, tcp_pair(buffer_bytes), share_max) {}
  Connected(NetFixture& fixture, std::pair<int, int> ends, unsigned share_max)
      : peer(ends.second), stream(fixture.loop(), fixture.buffers(), ends.first, share_max), fixture_(fixture) {}
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;
  ~Connected() { close(); }

  void close() {
    if (std::exchange(is_open_, false)) {
      fixture_.spawn(stream.close());
      fixture_.run_until([this] { return stream.fd() < 0; });
    }
  }

  Peer peer;
  net::Stream stream;

 private:
  NetFixture& fixture_;
  bool is_open_ = true;
};

}  // namespace sluice::test
