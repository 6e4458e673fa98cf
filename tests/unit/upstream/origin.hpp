#pragma once

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "net/address.hpp"
#include "net/stream_fixture.hpp"

namespace sluice::test {
// What: a listening socket of the test's, as an endpoint to connect to, and the far ends of the connections that came
// in.
class Origin {
 public:
  explicit Origin(int backlog = 64) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(fd_, generic, size) == 0);
    REQUIRE(::getsockname(fd_, generic, &size) == 0);
    REQUIRE(::listen(fd_, backlog) == 0);
    address_ = net::Address::from_sockaddr(generic, size);
  }
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  ~Origin() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void accept_all() {
    for (int fd = -1; (fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      peers.emplace_back(fd);
    }
  }
  [[nodiscard]] const net::Address& address() const { return address_; }
  std::vector<Peer> peers;

 private:
  int fd_ = -1;
  net::Address address_;
};

}  // namespace sluice::test
