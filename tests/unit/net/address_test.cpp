#include "net/address.hpp"

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::net {
namespace {

using namespace std::string_view_literals;

TEST_CASE("a numeric address and a port, and nothing else") {
  struct Row {
    std::string_view text;
    std::string_view written;
    std::string_view host;
    int family;
    std::uint16_t port;
  };
  const Row valid[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", AF_INET, 8080},
      {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET, 0},
      {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET, 65535},
      {"10.0.0.1:00080", "10.0.0.1:80", "10.0.0.1", AF_INET, 80},
      {"[::1]:8080", "[::1]:8080", "::1", AF_INET6, 8080},
      {"[::]:0", "[::]:0", "::", AF_INET6, 0},
      {"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443", "2001:db8::1", AF_INET6, 443},
      {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AF_INET6, 65535},
      {"[::ffff:192.0.2.7]:80", "192.0.2.7:80", "192.0.2.7", AF_INET6, 80},
  };
  for (const Row& row : valid) {
    CAPTURE(row.text);
    std::optional<Address> address = Address::parse(row.text);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == row.written);
    char host[Address::text_bytes_max];
    CHECK(address->write_host(host) == row.host);
    CHECK(address->family() == row.family);
    CHECK(address->port() == row.port);
    CHECK(address->size() == (row.family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
  }
  const std::string_view invalid[] = {
      "",
      ":",
      ":80",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:-1",
      "127.0.0.1:+80",
      "127.0.0.1: 80",
      "127.0.0.1:80 ",
      " 127.0.0.1:80",
      "127.0.0.1:8o",
      "127.0.0.1:080080",
      "127.0.0.1:99999999999999999999",
      "127.0.0:80",
      "127.0.0.1.1:80",
      "256.0.0.1:80",
      "127.1:80",
      "0x7f.0.0.1:80",
      "localhost:80",
      "*:80",
      "::1:80",
      "[::1]",
      "[::1]:",
      "[::1:80",
      "::1]:80",
      "[]:80",
      "[127.0.0.1]:80",
      "[::1%lo]:80",
      "[:::1]:80",
      "[::1]80",
      "[12345::]:80",
      "[1:2:3:4:5:6:7:8:9]:80",
      "127.0.0.1:80:80",
      "127.0.0.1\0:80"sv,
      "127.0.0.1\0x:80"sv,
      "127.0.0.1:80\0"sv,
      "[::1\0]:80"sv,
      "[::1\0junk]:80"sv,
      "unix",
      "unix:",
      "unix:@",
      "unix:run/app.sock",
      "unix:./app.sock",
      "unix:/",
      "unix:/run/",
      "unix:/run//app.sock",
      "unix:/run/./app.sock",
      "unix:/run/../app.sock",
      "unix:/run/..",
      "unix:/run/app\0.sock"sv,
      "unix:/run/app.sock\0"sv,
      "unix:@app\0"sv,
      "Unix:/run/app.sock",
      "/run/app.sock",
      "http://127.0.0.1:80",
  };
  for (std::string_view text : invalid) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text).has_value());
  }
}

TEST_CASE("an address out of a sockaddr") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(81);
  v4.sin_addr.s_addr = htonl(0x0a0b0c0d);
  CHECK(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4).to_string() == "10.11.12.13:81");
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  char host[Address::text_bytes_max];
  Address other = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&path), sizeof path.sun_family);
  CHECK(other.write_host(host) == "unix");
  CHECK(other.to_string() == "unix:");
  CHECK(other.is_unix());
  CHECK(Address().write_host(host) == "unknown");
}

TEST_CASE("unix sockets") {
  struct Row {
    std::string text;
    std::string path;
    std::size_t name_bytes;  // in the sockaddr
  };
  const std::string longest(Address::path_bytes_max - 1, 'x');
  const Row rows[] = {
      {"unix:/run/sluice/web.sock", "/run/sluice/web.sock", 21},
      {"unix:/a", "/a", 3},
      {"unix:/...", "/...", 5},
      {"unix:/run/with space:8080", "/run/with space:8080", 21},
      {"unix:/" + longest, "/" + longest, 108},
      {"unix:@app", "", 4},
      {"unix:@x" + longest, "", 108},
      {"unix:@/run/app", "", 9},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::optional<Address> address = Address::parse(row.text);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == row.text);
    CHECK(address->path() == row.path);
    CHECK(address->is_unix());
    CHECK(address->port() == 0);
    char host[Address::text_bytes_max];
    CHECK(address->write_host(host) == "unix");
    CHECK(address->size() == offsetof(sockaddr_un, sun_path) + row.name_bytes);
    // What the kernel gives back is the same address.
    Address copy = Address::from_sockaddr(address->data(), address->size());
    CHECK(copy.to_string() == row.text);
    CHECK(copy.data() != address->data());
  }
  CHECK_FALSE(Address::parse("unix:/x" + longest).has_value());
  CHECK_FALSE(Address::parse("unix:@xx" + longest).has_value());
  CHECK(Address::unnamed_unix().is_unix());
  CHECK(Address::unnamed_unix().to_string() == "unix:");
  CHECK(Address::unnamed_unix().path().empty());
  CHECK_FALSE(Address::parse("127.0.0.1:80")->is_unix());
  CHECK(Address::parse("127.0.0.1:80")->path().empty());
}

}  // namespace
}  // namespace sluice::net
