#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/ascii.hpp"
#include "net/proxy_header.hpp"

namespace sluice::net {
namespace {

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char version_2_and_proxy = '\x21';

// The address as it stands in a header of its family, behind it the port in network order.
struct WireAddress {
  std::array<char, sizeof(in6_addr)> ipv6{};  // IPv4 as ::ffff:a.b.c.d
  std::array<char, sizeof(in_port_t)> port{};
  bool is_ipv4 = false;
  [[nodiscard]] std::uint16_t port_number() const {
    std::uint16_t number = 0;
    std::memcpy(&number, port.data(), sizeof number);
    return ntohs(number);
  }
  [[nodiscard]] std::string_view ipv4() const { return {ipv6.data() + 12, sizeof(in_addr)}; }
};

std::optional<WireAddress> wire_address(const Address& address) {
  WireAddress wire;
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address.data(), sizeof v4);
    wire.ipv6[10] = wire.ipv6[11] = '\xff';
    std::memcpy(wire.ipv6.data() + 12, &v4.sin_addr, sizeof v4.sin_addr);
    std::memcpy(wire.port.data(), &v4.sin_port, sizeof v4.sin_port);
    wire.is_ipv4 = true;
    return wire;
  }
  if (address.family() != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  std::memcpy(wire.ipv6.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  std::memcpy(wire.port.data(), &v6.sin6_port, sizeof v6.sin6_port);
  wire.is_ipv4 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0;
  return wire;
}

// What: puts pieces one behind the other.
class Pieces {
 public:
  explicit Pieces(std::array<char, proxy_line_bytes_max>& out) : begin_(out.data()), at_(begin_) {}
  void add(std::string_view text) { at_ = std::ranges::copy(text, at_).out; }
  void add(char c) { *at_++ = c; }
  void add_number(std::uint64_t number) { at_ = ascii::write_decimal(at_, number); }
  void add_address(const WireAddress& address, bool is_ipv4) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = is_ipv4 ? AF_INET : AF_INET6;
    const char* bytes = is_ipv4 ? address.ipv4().data() : address.ipv6.data();
    if (::inet_ntop(family, bytes, text.data(), text.size()) != nullptr) add(text.data());
  }
  [[nodiscard]] std::string_view text() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
};

void write_line(const WireAddress& source, const WireAddress& destination, bool is_ipv4, Pieces& out) {
  out.add(is_ipv4 ? "TCP4 " : "TCP6 ");
  out.add_address(source, is_ipv4);
  out.add(' ');
  out.add_address(destination, is_ipv4);
  for (const WireAddress* address : {&source, &destination}) {
    out.add(' ');
    out.add_number(address->port_number());
  }
}

void write_binary(const WireAddress& source, const WireAddress& destination, bool is_ipv4, Pieces& out) {
  const auto bytes = static_cast<char>(2 * (is_ipv4 ? sizeof(in_addr) : sizeof(in6_addr)) + 2 * sizeof(in_port_t));
  out.add(is_ipv4 ? '\x11' : '\x21');
  out.add('\0');
  out.add(bytes);
  for (const WireAddress* address : {&source, &destination}) {
    out.add(is_ipv4 ? address->ipv4() : std::string_view(address->ipv6.data(), address->ipv6.size()));
  }
  for (const WireAddress* address : {&source, &destination}) out.add({address->port.data(), address->port.size()});
}

}  // namespace

std::string_view write_proxy_header(ProxyVersion version, const Address& source, const Address& destination,
                                    std::array<char, proxy_line_bytes_max>& out) noexcept {
  const std::optional<WireAddress> from = wire_address(source);
  const std::optional<WireAddress> to = wire_address(destination);
  const bool is_known = from && to;
  const bool is_ipv4 = is_known && from->is_ipv4 && to->is_ipv4;
  Pieces pieces(out);
  switch (version) {
    case ProxyVersion::v1:
      pieces.add(line_start);
      if (is_known) {
        write_line(*from, *to, is_ipv4, pieces);
      } else {
        pieces.add("UNKNOWN");
      }
      pieces.add(line_end);
      break;
    case ProxyVersion::v2:
      pieces.add(signature);
      pieces.add(version_2_and_proxy);
      if (is_known) {
        write_binary(*from, *to, is_ipv4, pieces);
      } else {
        pieces.add(std::string_view("\0\0\0", 3));
      }
      break;
  }
  return pieces.text();
}

std::string_view to_string(ProxyVersion version) noexcept {
  return proxy_version_names[static_cast<std::size_t>(version)];
}

}  // namespace sluice::net
