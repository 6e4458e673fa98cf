#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// What: an IPv4 or IPv6 address without a port or zone. An IPv4-mapped IPv6 address is the IPv4 address. A value.
class IpAddress {
 public:
  IpAddress() = default;  // "::"
  [[nodiscard]] static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  // "192.0.2.1" or "2001:db8::1": numeric, in any valid spelling, and nothing else.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;

  [[nodiscard]] bool is_v4() const;

  // Room for the longest text.
  static constexpr std::size_t text_bytes_max = 46;
  // The canonical spelling (RFC 5952), written at `out` (text_bytes_max).
  std::string_view write(char* out) const noexcept;
  [[nodiscard]] std::string to_string() const;

  // In numeric order.
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  friend class IpNetwork;
  // Network order, IPv4 as ::ffff:a.b.c.d.
  std::array<std::uint8_t, 16> bytes_{};
};

// What: the addresses that share their first bits. A value.
class IpNetwork {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or an address alone. Nothing when it is neither, and when bits behind the prefix are
  // set.
  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text) noexcept;

  [[nodiscard]] bool is_v4() const { return first_.is_v4(); }
  [[nodiscard]] const IpAddress& first() const { return first_; }
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] std::string to_string() const;  // as parse() reads it

  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpAddress first_;
  unsigned prefix_bits_ = 128;  // of the 16 bytes
};

// What: a set of addresses, given as networks. "::/0" holds no IPv4 address and "0.0.0.0/0" none of IPv6.
// Invariants: the ranges are sorted and do not touch each other.
class IpSet {
 public:
  IpSet() = default;
  explicit IpSet(const std::vector<IpNetwork>& networks);

  [[nodiscard]] bool is_empty() const { return v4_.empty() && v6_.empty(); }
  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;

 private:
  struct Range {
    IpAddress first;
    IpAddress last;
  };
  static void merge(std::vector<Range>& ranges);

  // Apart, because mapped addresses lie in the middle of the others.
  std::vector<Range> v4_;
  std::vector<Range> v6_;
};

}  // namespace sluice
