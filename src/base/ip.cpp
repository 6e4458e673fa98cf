#include "base/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/ascii.hpp"

namespace sluice {
namespace {

// ::ffff:0:0/96, RFC 4291 §2.5.5.2.
constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned mapped_bits = 96;
constexpr unsigned all_bits = 128;

bool is_bit_set(const std::array<std::uint8_t, 16>& bytes, unsigned bit) {
  return (bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  std::ranges::copy(mapped_prefix, address.bytes_.begin());
  std::ranges::copy(bytes, address.bytes_.begin() + mapped_prefix.size());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  char terminated[text_bytes_max];
  // inet_pton would stop reading at a NUL.
  if (text.size() >= sizeof terminated || text.contains('\0')) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  IpAddress address;
  if (text.contains(':')) {
    if (::inet_pton(AF_INET6, terminated, address.bytes_.data()) != 1) return std::nullopt;
    return address;
  }
  std::array<std::uint8_t, 4> bytes{};
  if (::inet_pton(AF_INET, terminated, bytes.data()) != 1) return std::nullopt;
  return v4(bytes);
}

bool IpAddress::is_v4() const { return std::memcmp(bytes_.data(), mapped_prefix.data(), mapped_prefix.size()) == 0; }

std::string_view IpAddress::write(char* out) const noexcept {
  if (is_v4()) {
    char* end = out;
    for (std::size_t i = mapped_prefix.size(); i < bytes_.size(); ++i) {
      if (i != mapped_prefix.size()) *end++ = '.';
      end = ascii::write_decimal(end, bytes_[i]);
    }
    return {out, static_cast<std::size_t>(end - out)};
  }
  return ::inet_ntop(AF_INET6, bytes_.data(), out, text_bytes_max);
}

std::string IpAddress::to_string() const {
  char text[text_bytes_max];
  return std::string(write(text));
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpNetwork network;
  network.first_ = *address;
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  const std::optional<std::uint64_t> bits = ascii::parse_decimal(digits);
  // A mapped address is spelled as an IPv6 one, and so is its prefix.
  const unsigned offset = text.contains(':') ? 0 : mapped_bits;
  if (!bits || *bits > all_bits - offset || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  network.prefix_bits_ = static_cast<unsigned>(*bits) + offset;
  for (unsigned bit = network.prefix_bits_; bit < all_bits; ++bit) {
    if (is_bit_set(network.first_.bytes_, bit)) return std::nullopt;
  }
  return network;
}

IpAddress IpNetwork::last() const {
  IpAddress address = first_;
  for (unsigned bit = prefix_bits_; bit < all_bits; ++bit) {
    std::uint8_t& byte = address.bytes_[bit / 8];
    byte = static_cast<std::uint8_t>(byte | 0x80U >> bit % 8);
  }
  return address;
}

std::string IpNetwork::to_string() const {
  if (prefix_bits_ == all_bits) return first_.to_string();
  return first_.to_string() + "/" + std::to_string(prefix_bits_ - (is_v4() ? mapped_bits : 0));
}

IpSet::IpSet(const std::vector<IpNetwork>& networks) {
  for (const IpNetwork& network : networks) {
    (network.is_v4() ? v4_ : v6_).push_back({network.first(), network.last()});
  }
  merge(v4_);
  merge(v6_);
}

void IpSet::merge(std::vector<Range>& ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  std::size_t kept = 0;
  for (const Range& range : ranges) {
    if (kept != 0 && range.first <= ranges[kept - 1].last) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

bool IpSet::contains(const IpAddress& address) const noexcept {
  const std::vector<Range>& ranges = address.is_v4() ? v4_ : v6_;
  auto behind = std::ranges::upper_bound(ranges, address, {}, &Range::first);
  return behind != ranges.begin() && address <= std::prev(behind)->last;
}

}  // namespace sluice
