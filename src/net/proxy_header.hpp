#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/address.hpp"

// The PROXY protocol: a proxy puts a header in front of a connection that says whose it is. Version 1 is a line of
// text, version 2 is binary (HAProxy, doc/proxy-protocol.txt). No I/O.
namespace sluice::net {

enum class ProxyHeaderStatus : std::uint8_t {
  complete,
  partial,   // what is there may be the beginning of one
  rejected,  // it is none, or a broken one
};

// Why a header was rejected; the log has the names.
enum class ProxyHeaderReject : std::uint8_t {
  none,
  not_proxy,    // the bytes begin neither version
  bad_line,     // version 1: not the words, single spaces and line end that there must be
  bad_address,  // version 1: no address of the family that the line names
  bad_port,     // version 1: not 0 to 65535, or spelled in another way than usual
  line_too_long,
  bad_version,   // version 2: another one in the second half of the signature's following byte
  bad_command,   // neither LOCAL nor PROXY
  bad_family,    // a family or a transport that version 2 does not have
  bad_length,    // too short for the addresses of the family
  too_long,      // more than proxy_header_bytes_max
  bad_tlv,       // cut off, of a wrong size, or one too many
  bad_checksum,  // the CRC-32C that it has is another one
};

// What a header says.
struct ProxyHeader {
  enum class Kind : std::uint8_t {
    local,     // the proxy speaks for itself: a health check
    unknown,   // it does not say whose the connection is
    internet,  // of the addresses
    nameless,  // a client without an IP address: on a unix socket of the proxy's host
  };
  Kind kind = Kind::unknown;
  std::uint8_t version = 1;
  // Valid with Kind::internet: who connected to the proxy, and where to.
  Address source;
  Address destination;
};

// The longest line of version 1, its line end included.
inline constexpr std::size_t proxy_line_bytes_max = 107;
// The longest header of version 2 that is taken; what it tells beside the addresses is of no use here.
inline constexpr std::size_t proxy_header_bytes_max = 4096;

struct ProxyHeaderResult {
  ProxyHeaderStatus status = ProxyHeaderStatus::partial;
  ProxyHeaderReject reject = ProxyHeaderReject::none;  // valid when rejected
  std::size_t consumed = 0;                            // when complete: bytes of the header
};

// Reads a header at the front of `bytes` into `out`, which is valid when complete. Partial only with fewer bytes than
// proxy_header_bytes_max. Of version 2, each TLV has to be within the header, those with a size have to have it, and a
// checksum has to be right; what unknown ones say is skipped. What follows LOCAL, or no family, is skipped as a whole.
[[nodiscard]] ProxyHeaderResult parse_proxy_header(std::string_view bytes, ProxyHeader& out) noexcept;

enum class ProxyVersion : std::uint8_t { v1, v2 };
inline constexpr std::array<std::string_view, 2> proxy_version_names = {"v1", "v2"};

// Writes a header without TLVs at `out`. Addresses of two families become IPv6; where one of them is no IP address,
// the header says that it does not know whose connection it is.
std::string_view write_proxy_header(ProxyVersion version, const Address& source, const Address& destination,
                                    std::array<char, proxy_line_bytes_max>& out) noexcept;

[[nodiscard]] std::string_view to_string(ProxyHeaderStatus status) noexcept;
[[nodiscard]] std::string_view to_string(ProxyHeaderReject reject) noexcept;
[[nodiscard]] std::string_view to_string(ProxyHeader::Kind kind) noexcept;
[[nodiscard]] std::string_view to_string(ProxyVersion version) noexcept;

}  // namespace sluice::net
