#include "net/congestion_control.hpp"

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/kernel.hpp"

namespace sluice::net {
namespace {

namespace kernel = runtime::kernel;

std::string control_of(int fd) {
  std::array<char, kernel::congestion_control_bytes> memory;
  return std::string(kernel::congestion_control(fd, memory));
}

// The congestion control of a new socket after `setting`; none: it was refused.
std::optional<std::string> applied(std::string_view setting, std::string_view address, std::string_view before) {
  const Address parsed = *Address::parse(address);
  const int fd = ::socket(parsed.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  if (!before.empty()) REQUIRE(kernel::set_congestion_control(fd, before) == 0);
  const bool is_set = set_congestion_control(fd, setting, parsed).has_value();
  std::string control = control_of(fd);
  ::close(fd);
  return is_set ? std::optional(control) : std::nullopt;
}

std::string host_standard() { return *applied("system", "192.0.2.1:80", ""); }

bool has_bbr() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_set = kernel::set_congestion_control(fd, "bbr") == 0;
  ::close(fd);
  return is_set;
}

TEST_CASE("a congestion control is a short plain name") {
  for (std::string_view text : {"auto", "system", "cubic", "reno", "bbr", "dctcp", "x_y-9", "exactly15bytes_"}) {
    CAPTURE(text);
    CHECK(CongestionControl::parse(text).has_value());
  }
  for (std::string_view text : {"", " ", "cubic ", "a b", "sixteen_bytes_xx", "cub\nic", "cub/ic", "kübik", "."}) {
    CAPTURE(text);
    CHECK_FALSE(CongestionControl::parse(text).has_value());
  }
}

TEST_CASE("a name is applied, whatever the address, and refused where the kernel does not have it") {
  for (std::string_view address : {"127.0.0.1:80", "192.0.2.1:80", "[::1]:80", "[2001:db8::1]:80"}) {
    CAPTURE(address);
    CHECK(applied("reno", address, "") == "reno");
    CHECK(applied("system", address, "") == host_standard());
    CHECK_FALSE(applied("no_such_thing", address, "").has_value());
  }
}

TEST_CASE("auto takes pacing off loopback, and leaves everything else as it is") {
  struct Row {
    std::string_view address;
    bool is_local;
  };
  const Row rows[] = {{"127.0.0.1:80", true},          {"127.8.9.10:80", true},     {"[::1]:80", true},
                      {"[::ffff:127.0.0.1]:80", true}, {"192.0.2.1:80", false},     {"128.0.0.1:80", false},
                      {"0.0.0.0:80", false},           {"[2001:db8::1]:80", false}, {"[::]:80", false},
                      {"[::ffff:192.0.2.1]:80", false}};
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CHECK(Address::parse(row.address)->is_loopback() == row.is_local);
    CHECK(applied("auto", row.address, "reno") == "reno");
    if (!has_bbr()) continue;
    CHECK((applied("auto", row.address, "bbr") == "bbr") == !row.is_local);
  }
}

}  // namespace
}  // namespace sluice::net
