#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.hpp"
#include "http/field.hpp"

// Who a request comes from, as the proxies on its way tell (X-Forwarded-For, and RFC 7239).
namespace sluice::http {

// The field in which trusted proxies name the hops before them.
enum class HopField : std::uint8_t { x_forwarded_for, forwarded };
[[nodiscard]] std::string_view to_string(HopField field) noexcept;

// Entries that are looked at; who needs more has a loop.
inline constexpr unsigned forwarded_hops_max = 32;

// What trusted proxies say of the client.
struct ClientClaim {
  std::optional<IpAddress> address;
  std::string_view scheme;  // "http" or "https"; empty: they do not say
};

// Of a request that came from a trusted peer: walks the hops from the right for as long as they are trusted themselves,
// and returns the first one that is not, or the leftmost. An entry that is no address (malformed, hidden, "unknown")
// ends the walk, since nothing to the left of it can be believed: then it is the hop to the right of it, and no address
// if there is none. The scheme is that of X-Forwarded-Proto, or stands with the client in Forwarded.
[[nodiscard]] ClientClaim find_client(const FieldList& fields, HopField field, const IpSet& trusted) noexcept;

// The address of a hop in X-Forwarded-For: "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", with or without a port (an
// IPv6 address in brackets then).
[[nodiscard]] std::optional<IpAddress> parse_hop(std::string_view text) noexcept;

// What one forwarded-element (RFC 7239 §4) says of a hop: the address that its `for` names, and its `proto`. No address
// for "unknown", for an obfuscated identifier, and when the element has no `for`, two, or is malformed.
[[nodiscard]] ClientClaim parse_forwarded_element(std::string_view element) noexcept;

// Whether it can be taken over as a request id, into heads, logs and JSON: 1 to 128 letters, digits and "-._~+/=:@".
[[nodiscard]] bool is_request_id(std::string_view text) noexcept;
inline constexpr std::size_t request_id_bytes_max = 128;

}  // namespace sluice::http
