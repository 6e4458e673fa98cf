#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::net {

// What: an IPv4 or IPv6 socket address. A value.
class Address {
 public:
  Address() = default;

  // "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:0"; a numeric address and a port, nothing else.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] static Address from_sockaddr(const sockaddr* address, socklen_t size);

  [[nodiscard]] const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(storage_.data()); }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return data()->sa_family; }
  [[nodiscard]] std::uint16_t port() const;
  // 127.0.0.0/8, also mapped into IPv6, or ::1.
  [[nodiscard]] bool is_loopback() const;

  // Room for the longest text of either kind below.
  static constexpr std::size_t text_bytes_max = 64;
  // "127.0.0.1" or "2001:db8::1", written at `out` (text_bytes_max); an IPv4-mapped address as IPv4.
  std::string_view write_host(char* out) const;
  [[nodiscard]] std::string to_string() const;  // with the port

 private:
  // Of sockaddr_in6, the largest kind: sockaddr_storage would quadruple each connection's share.
  alignas(8) std::array<char, 28> storage_{};
  socklen_t size_ = 0;
};

}  // namespace sluice::net
