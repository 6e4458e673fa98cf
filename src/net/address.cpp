#include "net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace sluice::net {

namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t unix_name_offset = offsetof(sockaddr_un, sun_path);

char* write_ipv4(char* out, const unsigned char* bytes) {
  for (int i = 0; i < 4; ++i) {
    if (i != 0) *out++ = '.';
    out = ascii::write_decimal(out, bytes[i]);
  }
  return out;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) return parse_unix(text.substr(unix_prefix.size()));
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  std::string_view port_text = text.substr(colon + 1);
  if (host.contains('\0')) return std::nullopt;  // where inet_pton would stop reading
  std::optional<std::uint64_t> port = ascii::parse_decimal(port_text);
  if (!port || *port > 65535 || port_text.size() > 5) return std::nullopt;
  const std::uint16_t network_port = htons(static_cast<std::uint16_t>(*port));

  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    std::string plain(host.substr(1, host.size() - 2));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = network_port;
    if (::inet_pton(AF_INET6, plain.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
    return from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = network_port;
  if (::inet_pton(AF_INET, std::string(host).c_str(), &v4.sin_addr) != 1) return std::nullopt;
  return from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

// One file has one spelling, so that two texts can be compared.
std::optional<Address> Address::parse_unix(std::string_view name) {
  static_assert(path_bytes_max + 1 == sizeof(sockaddr_un::sun_path));
  const bool is_abstract = name.starts_with('@');
  if (name.contains('\0') || name.size() > path_bytes_max + (is_abstract ? 1 : 0)) return std::nullopt;
  if (is_abstract) {
    if (name.size() == 1) return std::nullopt;  // the kernel would make a name up
  } else {
    if (!name.starts_with('/')) return std::nullopt;
    for (std::size_t slash = 0; slash != std::string_view::npos;) {
      const std::size_t next = name.find('/', slash + 1);
      const std::string_view segment = name.substr(slash + 1, next == std::string_view::npos ? next : next - slash - 1);
      if (segment.empty() || segment == "." || segment == "..") return std::nullopt;
      slash = next;
    }
  }
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, name.data(), name.size());
  if (is_abstract) local.sun_path[0] = '\0';
  // A path ends with a NUL; of an abstract name each byte counts.
  const std::size_t size = unix_name_offset + name.size() + (is_abstract ? 0 : 1);
  return from_sockaddr(reinterpret_cast<const sockaddr*>(&local), static_cast<socklen_t>(size));
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t size) {
  Address result;
  static_assert(sizeof(sockaddr_in6) == sizeof result.storage_);
  result.size_ = size;
  if (size <= unix_name_offset || address->sa_family != AF_UNIX) {
    SLUICE_ASSERT(size <= result.storage_.size());
    std::memcpy(result.storage_.data(), address, size);
  } else {
    SLUICE_ASSERT(size <= sizeof(sockaddr_un));
    const char* bytes = reinterpret_cast<const char*>(address);
    result.named_.assign(bytes, bytes + size);
  }
  return result;
}

Address Address::unnamed_unix() {
  sockaddr local{};
  local.sa_family = AF_UNIX;
  return from_sockaddr(&local, unix_name_offset);
}

std::uint16_t Address::port() const {
  if (is_unix()) return 0;
  // sin_port and sin6_port lie at the same place.
  std::uint16_t port = 0;
  std::memcpy(&port, storage_.data() + offsetof(sockaddr_in, sin_port), sizeof port);
  return ntohs(port);
}

bool Address::is_loopback() const {
  constexpr unsigned char loopback_net = 127;
  if (family() == AF_INET) {
    return static_cast<unsigned char>(storage_[offsetof(sockaddr_in, sin_addr)]) == loopback_net;
  }
  if (family() != AF_INET6) return false;
  in6_addr v6{};
  std::memcpy(&v6, storage_.data() + offsetof(sockaddr_in6, sin6_addr), sizeof v6);
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == loopback_net);
}

std::string_view Address::unix_name() const {
  if (!is_unix() || named_.empty()) return {};
  return std::string_view(named_.data(), named_.size()).substr(unix_name_offset);
}

std::string_view Address::path() const {
  const std::string_view name = unix_name();
  return name.substr(0, name.find('\0'));
}

std::string_view Address::write_host(char* out) const {
  if (family() == AF_INET) {
    const char* bytes = storage_.data() + offsetof(sockaddr_in, sin_addr);
    char* end = write_ipv4(out, reinterpret_cast<const unsigned char*>(bytes));
    return {out, static_cast<std::size_t>(end - out)};
  }
  if (family() == AF_INET6) {
    in6_addr v6{};
    std::memcpy(&v6, storage_.data() + offsetof(sockaddr_in6, sin6_addr), sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      char* end = write_ipv4(out, &v6.s6_addr[12]);
      return {out, static_cast<std::size_t>(end - out)};
    }
    if (::inet_ntop(AF_INET6, &v6, out, text_bytes_max) != nullptr) return out;
  }
  return is_unix() ? "unix" : "unknown";
}

std::string Address::to_string() const {
  if (is_unix()) {
    std::string text(unix_prefix);
    const std::string_view name = unix_name();
    if (name.starts_with('\0')) return text.append("@").append(name.substr(1));
    return text.append(path());
  }
  char text[text_bytes_max];
  std::string_view host = write_host(text);
  std::string port_text = std::to_string(port());
  if (host.contains(':')) return "[" + std::string(host) + "]:" + port_text;
  return std::string(host) + ":" + port_text;
}

}  // namespace sluice::net
