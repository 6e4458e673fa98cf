#include "config/scalar.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "config/problems.hpp"

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// From the largest to the smallest, in nanoseconds.
constexpr std::array<Unit, 5> duration_units{
    {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}}};

// In bytes.
constexpr std::array<Unit, 3> size_units{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}};

// The digits at the start of `text`, and then the letters; both are removed from it.
struct Amount {
  std::uint64_t count = 0;
  std::string_view unit;
};
std::optional<Amount> take_amount(std::string_view& text) {
  auto take = [&](auto is_wanted) {
    auto end = std::ranges::find_if_not(text, is_wanted) - text.begin();
    std::string_view taken = text.substr(0, static_cast<std::size_t>(end));
    text.remove_prefix(taken.size());
    return taken;
  };
  auto count = ascii::parse_decimal(take(ascii::is_digit));
  if (!count) return std::nullopt;
  return Amount{*count, take([](char c) { return !ascii::is_digit(c); })};
}

// sum + count * factor, if it fits.
std::optional<std::int64_t> add_scaled(std::int64_t sum, std::uint64_t count, std::int64_t factor) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(count, factor, &product)) return std::nullopt;
  if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
  return sum;
}

// The canonical spelling of "ip" or "[ip]", if it is one.
std::optional<std::string> canonical_ip(std::string_view text) {
  bool is_v6 = text.starts_with('[') && text.ends_with(']');
  std::string bare(is_v6 ? text.substr(1, text.size() - 2) : text);
  int family = is_v6 ? AF_INET6 : AF_INET;
  in6_addr address{};
  char spelled[INET6_ADDRSTRLEN];
  // A NUL inside would end the text early.
  if (bare.contains('\0') || inet_pton(family, bare.c_str(), &address) != 1) return std::nullopt;
  if (inet_ntop(family, &address, spelled, sizeof spelled) == nullptr) return std::nullopt;
  return is_v6 ? fmt::format("[{}]", spelled) : std::string(spelled);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t total_ns = 0;
  auto unit = duration_units.begin();
  while (!text.empty()) {
    auto amount = take_amount(text);
    if (!amount) return std::nullopt;
    unit = std::ranges::find(unit, duration_units.end(), amount->unit, &Unit::name);
    if (unit == duration_units.end()) return std::nullopt;
    auto sum = add_scaled(total_ns, amount->count, unit->factor);
    if (!sum) return std::nullopt;
    total_ns = *sum;
    ++unit;
  }
  return Duration(total_ns);
}

std::string duration_text(Duration duration) {
  std::int64_t ns = duration.count();
  for (const Unit& unit : duration_units) {
    if (ns != 0 && ns % unit.factor == 0) return fmt::format("{}{}", ns / unit.factor, unit.name);
  }
  return ns == 0 ? "0s" : fmt::format("{}us", ns / duration_units.back().factor);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  auto amount = take_amount(text);
  if (!amount || !text.empty()) return std::nullopt;
  if (amount->unit.empty()) return add_scaled(0, amount->count, 1);
  auto unit = std::ranges::find(size_units, amount->unit, &Unit::name);
  return unit == size_units.end() ? std::nullopt : add_scaled(0, amount->count, unit->factor);
}

std::string size_text(std::int64_t bytes) {
  for (const Unit& unit : size_units) {
    if (bytes != 0 && bytes % unit.factor == 0) return fmt::format("{}{}", bytes / unit.factor, unit.name);
  }
  return fmt::to_string(bytes);
}

Parsed<std::string> Text::parse(std::string_view text) {
  if (text.empty()) return std::unexpected("must not be empty");
  // It goes to the kernel and into logs.
  if (text.contains('\0')) return std::unexpected("must not contain a NUL character");
  return std::string(text);
}

Parsed<std::string> Name::parse(std::string_view text) {
  constexpr std::size_t name_bytes_max = 64;
  auto is_plain = [](char c) {
    char l = ascii::lower(c);
    return (l >= 'a' && l <= 'z') || ascii::is_digit(c) || c == '_' || c == '-' || c == '.';
  };
  if (!text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, is_plain)) return std::string(text);
  return std::unexpected(
      fmt::format("must be 1 to {} letters, digits, `-`, `_` or `.`, not {}", name_bytes_max, in_quotes(text)));
}

Parsed<std::string> IpPort::parse(std::string_view text) {
  constexpr std::size_t port_digits_max = 5;
  std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    auto ip = canonical_ip(text.substr(0, colon));
    std::string_view digits = text.substr(colon + 1);
    auto port = ascii::parse_decimal(digits);
    if (ip && port && *port >= 1 && *port <= UINT16_MAX && digits.size() <= port_digits_max) {
      return fmt::format("{}:{}", *ip, *port);
    }
  }
  return std::unexpected(fmt::format(
      "must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", not {}", in_quotes(text)));
}

}  // namespace sluice::config
