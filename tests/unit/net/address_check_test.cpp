#include "net/address_check.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "net/listener.hpp"

namespace sluice::net {
namespace {

std::string overlaps(const std::vector<std::string_view>& addresses) {
  std::vector<ListenerSettings> listeners;
  for (std::string_view address : addresses) {
    auto& listener = listeners.emplace_back();
    listener.address = {std::string(address), {static_cast<std::uint32_t>(listeners.size()), 1}};
  }
  config::Problems problems("t");
  check_overlaps(listeners, problems);
  return fmt::format("{}", fmt::join(problems.lines(), "\n"));
}

TEST_CASE("listeners that do not meet are left alone") {
  const std::vector<std::vector<std::string_view>> rows{
      {},
      {"0.0.0.0:80"},
      {"127.0.0.1:80", "127.0.0.2:80"},
      {"127.0.0.1:80", "0.0.0.0:81"},
      {"0.0.0.0:80", "[::]:80"},
      {"127.0.0.1:80", "[::]:80"},
      {"[::1]:80", "0.0.0.0:80"},
      {"[::1]:80", "[::2]:80"},
      {"[::1]:80", "[::]:81"},
      {"0.0.0.0:80", "0.0.0.0:80"},  // the same address is told elsewhere
      {"", "0.0.0.0:80"},            // could not be read
  };
  for (const auto& row : rows) CHECK(overlaps(row) == "");
}

TEST_CASE("listeners that meet are told, the later at its place with the place of the earlier") {
  struct Row {
    std::vector<std::string_view> addresses;
    std::string_view errors;
  };
  const std::vector<Row> rows{
      {{"127.0.0.1:80", "0.0.0.0:80"},
       "t:2:1: the listener address \"0.0.0.0:80\" overlaps with \"127.0.0.1:80\" at t:1:1: one of them is every "
       "address of the host"},
      {{"0.0.0.0:80", "10.0.0.1:81", "127.0.0.1:80"},
       "t:3:1: the listener address \"127.0.0.1:80\" overlaps with \"0.0.0.0:80\" at t:1:1: one of them is every "
       "address of the host"},
      {{"[::]:80", "[::1]:80", "[2001:db8::1]:80"},
       "t:2:1: the listener address \"[::1]:80\" overlaps with \"[::]:80\" at t:1:1: one of them is every address of "
       "the host\n"
       "t:3:1: the listener address \"[2001:db8::1]:80\" overlaps with \"[::]:80\" at t:1:1: one of them is every "
       "address of the host"},
      {{"[::ffff:127.0.0.1]:80"},
       "t:1:1: `address` must be written as the IPv4 address that it is, \"127.0.0.1:80\", not "
       "\"[::ffff:127.0.0.1]:80\""},
      {{"127.0.0.1:80", "[::ffff:0.0.0.0]:80"},
       "t:2:1: `address` must be written as the IPv4 address that it is, \"0.0.0.0:80\", not "
       "\"[::ffff:0.0.0.0]:80\""},
  };
  for (const Row& row : rows) CHECK(overlaps(row.addresses) == row.errors);
}

TEST_CASE("an address of this host can be listened on, also while somebody does") {
  auto opened = Listener::open_socket(*Address::parse("127.0.0.1:0"), 1);
  REQUIRE(opened.has_value());
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  REQUIRE(::getsockname(*opened, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  const auto address = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&bound), size);
  CHECK(check_bindable(address).has_value());
  // It listens on, and accepts.
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::connect(client, address.data(), address.size()) == 0);
  ::close(client);
  ::close(*opened);
  CHECK(check_bindable(address).has_value());
  CHECK(check_bindable(*Address::parse("0.0.0.0:0")).has_value());
  CHECK(check_bindable(*Address::parse("[::]:0")).has_value());
}

TEST_CASE("an address of another host, or a port that is not ours to have, is not") {
  CHECK(check_bindable(*Address::parse("192.0.2.1:8080")).error().os_error == EADDRNOTAVAIL);
  CHECK(check_bindable(*Address::parse("[2001:db8::1]:8080")).error().os_error == EADDRNOTAVAIL);
}

}  // namespace
}  // namespace sluice::net
