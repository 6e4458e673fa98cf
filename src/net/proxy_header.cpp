#include "net/proxy_header.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/ascii.hpp"
#include "base/crc32c.hpp"

namespace sluice::net {
namespace {

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t fixed_bytes = 16;  // of version 2: all that every header has
constexpr unsigned char version_2 = 0x20;
constexpr unsigned char command_local = 0x0;
constexpr unsigned char command_proxy = 0x1;

// What a TLV is about; those that are not here are skipped whatever is in them.
enum TlvType : unsigned char {
  tlv_crc32c = 0x03,
  tlv_unique_id = 0x05,
  tlv_ssl = 0x20,
};
constexpr std::size_t tlv_head_bytes = 3;
constexpr std::size_t ssl_head_bytes = 5;  // a byte of flags, and what became of the client's certificate
constexpr std::size_t unique_id_bytes_max = 128;

ProxyHeaderResult rejected(ProxyHeaderReject reject) { return {ProxyHeaderStatus::rejected, reject, 0}; }

unsigned char byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(byte_at(bytes, at)) << 8U | byte_at(bytes, at + 1);
}

Address ipv4(const char* address, const char* port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
  std::memcpy(&v4.sin_port, port, sizeof v4.sin_port);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

Address ipv6(const char* address, const char* port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
  std::memcpy(&v6.sin6_port, port, sizeof v6.sin6_port);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

// --- Version 1: PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 ---

// The words up to the next space; nothing behind the last one.
std::optional<std::string_view> take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  if (word.empty()) return std::nullopt;
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint64_t> port = ascii::parse_decimal(text);
  const bool is_usual = text.size() <= 5 && (text.size() == 1 || !text.starts_with('0'));
  if (!port || *port > 65535 || !is_usual) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<Address> parse_address(int family, std::string_view text, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  // inet_pton would stop at a NUL.
  if (text.size() >= terminated.size() || text.contains('\0')) return std::nullopt;
  std::ranges::copy(text, terminated.begin());
  std::array<char, sizeof(in6_addr)> address{};
  if (::inet_pton(family, terminated.data(), address.data()) != 1) return std::nullopt;
  const std::uint16_t network_port = htons(port);
  const char* port_bytes = reinterpret_cast<const char*>(&network_port);
  return family == AF_INET ? ipv4(address.data(), port_bytes) : ipv6(address.data(), port_bytes);
}

// line: what stands between the family and the line end.
ProxyHeaderReject read_endpoints(int family, std::string_view line, ProxyHeader& out) {
  const auto source = take_word(line);
  const auto destination = take_word(line);
  const auto source_port_text = take_word(line);
  const std::string_view destination_port_text = line;
  if (!source || !destination || !source_port_text) return ProxyHeaderReject::bad_line;
  const auto source_port = parse_port(*source_port_text);
  const auto destination_port = parse_port(destination_port_text);
  if (!source_port || !destination_port) return ProxyHeaderReject::bad_port;
  const auto from = parse_address(family, *source, *source_port);
  const auto to = parse_address(family, *destination, *destination_port);
  if (!from || !to) return ProxyHeaderReject::bad_address;
  out.kind = ProxyHeader::Kind::internet;
  out.source = *from;
  out.destination = *to;
  return ProxyHeaderReject::none;
}

ProxyHeaderReject read_line(std::string_view line, ProxyHeader& out) {
  constexpr std::string_view unknown = "UNKNOWN";
  // What stands behind it is to be ignored.
  if (line == unknown || (line.starts_with(unknown) && line[unknown.size()] == ' ')) {
    out.kind = ProxyHeader::Kind::unknown;
    return ProxyHeaderReject::none;
  }
  const auto family = take_word(line);
  if (family == "TCP4") return read_endpoints(AF_INET, line, out);
  if (family == "TCP6") return read_endpoints(AF_INET6, line, out);
  return ProxyHeaderReject::bad_line;
}

ProxyHeaderResult parse_line(std::string_view bytes, ProxyHeader& out) {
  const std::size_t feed = bytes.substr(0, proxy_line_bytes_max).find('\n');
  if (feed == std::string_view::npos) {
    if (bytes.size() >= proxy_line_bytes_max) return rejected(ProxyHeaderReject::line_too_long);
    return {};
  }
  const std::string_view line = bytes.substr(0, feed + 1);
  if (!line.ends_with(line_end)) return rejected(ProxyHeaderReject::bad_line);
  out.version = 1;
  const std::size_t words_bytes = line.size() - line_start.size() - line_end.size();
  const ProxyHeaderReject reject = read_line(line.substr(line_start.size(), words_bytes), out);
  if (reject != ProxyHeaderReject::none) return rejected(reject);
  return {ProxyHeaderStatus::complete, ProxyHeaderReject::none, line.size()};
}

// --- Version 2 ---

// What: goes through TLVs, one behind the other, that fill their room.
class Tlvs {
 public:
  explicit Tlvs(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  // Takes the next one; false when it is cut off.
  [[nodiscard]] bool next() {
    if (rest_.size() < tlv_head_bytes) return false;
    const std::size_t size = number_at(rest_, 1);
    if (rest_.size() - tlv_head_bytes < size) return false;
    type_ = byte_at(rest_, 0);
    value_ = rest_.substr(tlv_head_bytes, size);
    rest_.remove_prefix(tlv_head_bytes + size);
    return true;
  }
  [[nodiscard]] unsigned char type() const { return type_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  std::string_view rest_;
  std::string_view value_;
  unsigned char type_ = 0;
};

bool is_ssl_well_formed(std::string_view value) {
  if (value.size() < ssl_head_bytes) return false;
  Tlvs inner(value.substr(ssl_head_bytes));
  while (!inner.is_empty()) {
    if (!inner.next()) return false;
  }
  return true;
}

// header: the whole of it; checksum: within it. The sum is that of the header with zeros in its place.
bool is_checksum_right(std::string_view header, std::string_view checksum) {
  const auto at = static_cast<std::size_t>(checksum.data() - header.data());
  constexpr std::string_view zeros("\0\0\0\0", 4);
  std::uint32_t sum = crc32c(header.substr(0, at));
  sum = crc32c(zeros, sum);
  sum = crc32c(header.substr(at + zeros.size()), sum);
  const auto said = static_cast<std::uint32_t>(number_at(checksum, 0) << 16U | number_at(checksum, 2));
  return sum == said;
}

ProxyHeaderReject check_tlvs(std::string_view header, std::string_view bytes) {
  Tlvs tlvs(bytes);
  bool has_checksum = false;
  while (!tlvs.is_empty()) {
    if (!tlvs.next()) return ProxyHeaderReject::bad_tlv;
    switch (tlvs.type()) {
      case tlv_crc32c:
        if (has_checksum || tlvs.value().size() != sizeof(std::uint32_t)) return ProxyHeaderReject::bad_tlv;
        has_checksum = true;
        if (!is_checksum_right(header, tlvs.value())) return ProxyHeaderReject::bad_checksum;
        break;
      case tlv_unique_id:
        if (tlvs.value().size() > unique_id_bytes_max) return ProxyHeaderReject::bad_tlv;
        break;
      case tlv_ssl:
        if (!is_ssl_well_formed(tlvs.value())) return ProxyHeaderReject::bad_tlv;
        break;
      default:
        break;
    }
  }
  return ProxyHeaderReject::none;
}

// The addresses of a family, as the byte behind the command names it: the family in its first half, then the transport.
struct Family {
  ProxyHeader::Kind kind = ProxyHeader::Kind::unknown;
  std::size_t address_bytes = 0;  // of one
};

std::optional<Family> family_of(unsigned char byte) {
  constexpr std::size_t path_bytes = 108;
  switch (byte) {
    case 0x00:
      return Family{};
    case 0x11:
    case 0x12:
      return Family{ProxyHeader::Kind::internet, sizeof(in_addr)};
    case 0x21:
    case 0x22:
      return Family{ProxyHeader::Kind::internet, sizeof(in6_addr)};
    case 0x31:
    case 0x32:
      return Family{ProxyHeader::Kind::nameless, path_bytes};
    default:
      return std::nullopt;
  }
}

// header: the whole of it, with addresses of this family in it.
ProxyHeaderReject read_addresses(std::string_view header, const Family& family, ProxyHeader& out) {
  std::string_view rest = header.substr(fixed_bytes);
  std::size_t bytes = 2 * family.address_bytes;
  if (family.kind == ProxyHeader::Kind::internet) bytes += 2 * sizeof(in_port_t);
  if (rest.size() < bytes) return ProxyHeaderReject::bad_length;
  out.kind = family.kind;
  if (family.kind == ProxyHeader::Kind::internet) {
    const char* source = rest.data();
    const char* destination = source + family.address_bytes;
    const char* ports = destination + family.address_bytes;
    const auto make = family.address_bytes == sizeof(in_addr) ? &ipv4 : &ipv6;
    out.source = make(source, ports);
    out.destination = make(destination, ports + sizeof(in_port_t));
  }
  return check_tlvs(header, rest.substr(bytes));
}

ProxyHeaderResult parse_binary(std::string_view bytes, ProxyHeader& out) {
  if (bytes.size() <= signature.size()) return {};
  const unsigned char version_and_command = byte_at(bytes, signature.size());
  if ((version_and_command & 0xf0) != version_2) return rejected(ProxyHeaderReject::bad_version);
  const unsigned char command = version_and_command & 0x0f;
  if (command != command_local && command != command_proxy) return rejected(ProxyHeaderReject::bad_command);
  if (bytes.size() < signature.size() + 2) return {};
  const std::optional<Family> family = family_of(byte_at(bytes, signature.size() + 1));
  if (!family && command != command_local) return rejected(ProxyHeaderReject::bad_family);
  if (bytes.size() < fixed_bytes) return {};
  const std::size_t size = fixed_bytes + number_at(bytes, signature.size() + 2);
  if (size > proxy_header_bytes_max) return rejected(ProxyHeaderReject::too_long);
  if (bytes.size() < size) return {};
  out.version = 2;
  const ProxyHeaderResult complete{ProxyHeaderStatus::complete, ProxyHeaderReject::none, size};
  // Of LOCAL the family as well is to be ignored.
  if (command == command_local || family->kind == ProxyHeader::Kind::unknown) {
    out.kind = command == command_local ? ProxyHeader::Kind::local : ProxyHeader::Kind::unknown;
    return complete;
  }
  const ProxyHeaderReject reject = read_addresses(bytes.substr(0, size), *family, out);
  return reject == ProxyHeaderReject::none ? complete : rejected(reject);
}

}  // namespace

ProxyHeaderResult parse_proxy_header(std::string_view bytes, ProxyHeader& out) noexcept {
  out = {};
  auto begins = [bytes](std::string_view start) {
    const std::size_t size = std::min(bytes.size(), start.size());
    return bytes.substr(0, size) == start.substr(0, size);
  };
  if (begins(line_start)) return bytes.size() < line_start.size() ? ProxyHeaderResult{} : parse_line(bytes, out);
  if (begins(signature)) return parse_binary(bytes, out);
  return rejected(ProxyHeaderReject::not_proxy);
}

std::string_view to_string(ProxyHeaderStatus status) noexcept {
  switch (status) {
    case ProxyHeaderStatus::complete:
      return "complete";
    case ProxyHeaderStatus::partial:
      return "partial";
    case ProxyHeaderStatus::rejected:
      return "rejected";
  }
  return "?";
}

std::string_view to_string(ProxyHeaderReject reject) noexcept {
  switch (reject) {
    case ProxyHeaderReject::none:
      return "none";
    case ProxyHeaderReject::not_proxy:
      return "not_proxy";
    case ProxyHeaderReject::bad_line:
      return "bad_line";
    case ProxyHeaderReject::bad_address:
      return "bad_address";
    case ProxyHeaderReject::bad_port:
      return "bad_port";
    case ProxyHeaderReject::line_too_long:
      return "line_too_long";
    case ProxyHeaderReject::bad_version:
      return "bad_version";
    case ProxyHeaderReject::bad_command:
      return "bad_command";
    case ProxyHeaderReject::bad_family:
      return "bad_family";
    case ProxyHeaderReject::bad_length:
      return "bad_length";
    case ProxyHeaderReject::too_long:
      return "too_long";
    case ProxyHeaderReject::bad_tlv:
      return "bad_tlv";
    case ProxyHeaderReject::bad_checksum:
      return "bad_checksum";
  }
  return "?";
}

std::string_view to_string(ProxyHeader::Kind kind) noexcept {
  switch (kind) {
    case ProxyHeader::Kind::local:
      return "local";
    case ProxyHeader::Kind::unknown:
      return "unknown";
    case ProxyHeader::Kind::internet:
      return "internet";
    case ProxyHeader::Kind::nameless:
      return "nameless";
  }
  return "?";
}

}  // namespace sluice::net
