#include "net/congestion_control.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "config/problems.hpp"
#include "runtime/kernel.hpp"

namespace sluice::net {

namespace kernel = runtime::kernel;

config::Parsed<std::string> CongestionControl::parse(std::string_view text) {
  // TCP_CA_NAME_MAX has room for the null byte.
  constexpr std::size_t bytes_max = 15;
  const auto fits = [](char c) {
    const char l = ascii::lower(c);
    return (l >= 'a' && l <= 'z') || ascii::is_digit(c) || c == '_' || c == '-';
  };
  if (!text.empty() && text.size() <= bytes_max && std::ranges::all_of(text, fits)) return std::string(text);
  return std::unexpected("must be \"auto\", \"system\" or the name of a congestion control, such as \"cubic\", not " +
                         config::in_quotes(text));
}

Result<void> set_congestion_control(int fd, std::string_view setting, const Address& address) {
  if (setting == CongestionControl::system) return {};
  if (setting != CongestionControl::automatic) {
    if (int result = kernel::set_congestion_control(fd, setting); result < 0) {
      return std::unexpected(error_from_errno(-result));
    }
    return {};
  }
  if (!address.is_loopback()) return {};
  std::array<char, kernel::congestion_control_bytes> memory;
  if (!kernel::congestion_control(fd, memory).starts_with("bbr")) return {};
  // Reno is in every kernel; where even that is refused, things stay as they were.
  if (kernel::set_congestion_control(fd, "cubic") < 0) (void)kernel::set_congestion_control(fd, "reno");
  return {};
}

Result<std::string> effective_congestion_control(std::string_view setting, const Address& address) {
  const int fd = kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC);
  if (fd < 0) return std::unexpected(error_from_errno(-fd));
  std::array<char, kernel::congestion_control_bytes> memory;
  Result<void> set = set_congestion_control(fd, setting, address);
  std::string name(kernel::congestion_control(fd, memory));
  kernel::close(fd);
  if (!set) return std::unexpected(set.error());
  return name;
}

}  // namespace sluice::net
