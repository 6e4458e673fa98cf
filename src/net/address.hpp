#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

// What: the address of a stream socket: IPv4, IPv6, or a unix socket. A value.
class Address {
 public:
  Address() = default;

  // "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:0": a numeric address and a port. "unix:/run/app.sock": the file of a unix
  // socket, named from the root. "unix:@app": a unix socket in the abstract namespace. Nothing else.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] static Address from_sockaddr(const sockaddr* address, socklen_t size);
  // The other end of a unix socket, which has no name of its own.
  [[nodiscard]] static Address unnamed_unix();

  [[nodiscard]] const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(named_.empty() ? storage_.data() : named_.data());
  }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return data()->sa_family; }
  [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
  // 0 of a unix socket.
  [[nodiscard]] std::uint16_t port() const;
  // 127.0.0.0/8, also mapped into IPv6, or ::1.
  [[nodiscard]] bool is_loopback() const;
  // The file of a unix socket; empty where it has none.
  [[nodiscard]] std::string_view path() const;

  // Room for the longest text that write_host() writes.
  static constexpr std::size_t text_bytes_max = 64;
  // "127.0.0.1" or "2001:db8::1", written at `out` (text_bytes_max); an IPv4-mapped address as IPv4. "unix" of a unix
  // socket.
  std::string_view write_host(char* out) const;
  [[nodiscard]] std::string to_string() const;  // as parse() reads it; "unix:" alone without a name

  // Longest path, and longest abstract name.
  static constexpr std::size_t path_bytes_max = 107;

 private:
  [[nodiscard]] static std::optional<Address> parse_unix(std::string_view name);
  [[nodiscard]] std::string_view unix_name() const;

  // Of sockaddr_in6: sockaddr_storage would quadruple each connection's share. What is longer, a unix socket with a
  // name, lies in named_; no connection has one.
  alignas(8) std::array<char, 28> storage_{};
  socklen_t size_ = 0;
  std::vector<char> named_;
};

}  // namespace sluice::net
