#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice::fault {

// What: a socket address of any family, as a value.
class Address {
 public:
  Address() = default;

  static Address from(const sockaddr* address, socklen_t size) {
    Address out;
    out.size_ = size < sizeof out.storage_ ? size : socklen_t{sizeof out.storage_};
    std::memcpy(&out.storage_, address, out.size_);
    return out;
  }

  static Address loopback(std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }

  // name: a path, or '@' and an abstract name; empty: the unnamed end of a connection.
  static Address unix_socket(std::string_view name) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, name.data(), name.size());
    const bool is_abstract = name.starts_with('@');
    if (is_abstract) local.sun_path[0] = '\0';
    std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
    if (!name.empty() && !is_abstract) ++size;  // the NUL behind a path
    return from(reinterpret_cast<const sockaddr*>(&local), static_cast<socklen_t>(size));
  }

  [[nodiscard]] const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return storage_.ss_family; }
  [[nodiscard]] bool is_internet() const { return family() == AF_INET || family() == AF_INET6; }

  [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
  // A unix socket that has a file.
  [[nodiscard]] bool has_file() const {
    return is_unix() && size_ > offsetof(sockaddr_un, sun_path) &&
           reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path[0] != '\0';
  }
  [[nodiscard]] std::string path() const {
    return has_file() ? std::string(reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path) : std::string();
  }

  // sin_port and sin6_port lie at the same place.
  [[nodiscard]] std::uint16_t port() const {
    return is_internet() ? ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port) : std::uint16_t{0};
  }
  void set_port(std::uint16_t port) { reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port); }

  [[nodiscard]] bool is_any_host() const {
    if (family() == AF_INET) return reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr == INADDR_ANY;
    return family() == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
  }

  // Whether a connection to `target` reaches a socket that is bound here.
  [[nodiscard]] bool covers(const Address& target) const {
    if (is_any_host()) return family() == target.family() && port() == target.port();
    return *this == target;
  }

  [[nodiscard]] std::string describe() const {
    if (is_unix()) return "unix:" + path();
    return is_internet() ? "port " + std::to_string(port()) : "family " + std::to_string(family());
  }

  friend bool operator==(const Address& a, const Address& b) {
    if (a.family() != b.family()) return false;
    if (a.family() == AF_INET) return a.port() == b.port() && a.host4() == b.host4();
    if (a.family() == AF_INET6) return a.port() == b.port() && a.host6() == b.host6();
    return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
  }

 private:
  [[nodiscard]] std::uint32_t host4() const { return reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr; }
  [[nodiscard]] std::string host6() const {
    const in6_addr& host = reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr;
    return {reinterpret_cast<const char*>(&host), sizeof host};
  }

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace sluice::fault
