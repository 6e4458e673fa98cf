#include "base/ip.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

TEST_CASE("addresses, and how they are written") {
  struct {
    std::string_view text;
    std::string_view written;  // empty: none
  } const rows[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"192.0.2.255", "192.0.2.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8::00ff", "2001:db8::ff"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::FFFF:c000:0201", "192.0.2.1"},
      {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"", ""},
      {" 1.2.3.4", ""},
      {"1.2.3.4 ", ""},
      {"1.2.3", ""},
      {"1.2.3.4.5", ""},
      {"1.2.3.256", ""},
      {"01.2.3.4", ""},
      {"1.2.3.4:80", ""},
      {"0x1.2.3.4", ""},
      {"16909060", ""},
      {"1.2.3.+4", ""},
      {"[::1]", ""},
      {":::", ""},
      {"1::2::3", ""},
      {"1:2:3:4:5:6:7", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"12345::", ""},
      {"fe80::1%eth0", ""},
      {"::1/128", ""},
      {"g::1", ""},
      {"unknown", ""},
      {"::ffff:1.2.3.256", ""},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    auto address = IpAddress::parse(row.text);
    CHECK(address.has_value() == !row.written.empty());
    if (address) CHECK(address->to_string() == row.written);
  }
  CHECK(!IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  CHECK(!IpAddress::parse(std::string(4096, '1')));
  CHECK(IpAddress::parse("::ffff:1.2.3.4") == IpAddress::parse("1.2.3.4"));
  CHECK(IpAddress::parse("::1.2.3.4") != IpAddress::parse("1.2.3.4"));
  CHECK(IpAddress::v4({1, 2, 3, 4}) == IpAddress::parse("1.2.3.4"));
  CHECK(IpAddress::v6({0x20, 0x01, 0x0d, 0xb8}) == IpAddress::parse("2001:db8::"));
  CHECK(IpAddress() == IpAddress::parse("::"));
}

TEST_CASE("networks") {
  struct {
    std::string_view text;
    std::string_view first;  // empty: none
    std::string_view last;
    std::string_view written;
  } const rows[] = {
      {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"},
      {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
      {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
      {"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
      {"192.0.2.2/31", "192.0.2.2", "192.0.2.3", "192.0.2.2/31"},
      {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
      {"2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/33"},
      {"::1", "::1", "::1", "::1"},
      {"::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"},
      {"10.0.0.1/8", "", "", ""},
      {"10.0.0.0/7", "10.0.0.0", "11.255.255.255", "10.0.0.0/7"},
      {"11.0.0.0/7", "", "", ""},
      {"2001:db8::1/64", "", "", ""},
      {"10.0.0.0/33", "", "", ""},
      {"::/129", "", "", ""},
      {"10.0.0.0/", "", "", ""},
      {"10.0.0.0/-1", "", "", ""},
      {"10.0.0.0/+8", "", "", ""},
      {"10.0.0.0/08", "", "", ""},
      {"10.0.0.0/8/8", "", "", ""},
      {"10.0.0.0/8 ", "", "", ""},
      {"10.0.0.0/255.0.0.0", "", "", ""},
      {"10.0.0.0/18446744073709551624", "", "", ""},
      {"10/8", "", "", ""},
      {"/8", "", "", ""},
      {"", "", "", ""},
      {"unix", "", "", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    auto network = IpNetwork::parse(row.text);
    CHECK(network.has_value() == !row.first.empty());
    if (!network) continue;
    CHECK(network->first().to_string() == row.first);
    CHECK(network->last().to_string() == row.last);
    CHECK(network->to_string() == row.written);
  }
}

IpSet set_of(const std::vector<std::string_view>& texts) {
  std::vector<IpNetwork> networks;
  networks.reserve(texts.size());
  for (std::string_view text : texts) networks.push_back(IpNetwork::parse(text).value());
  return IpSet(networks);
}

TEST_CASE("sets") {
  struct {
    std::vector<std::string_view> networks;
    std::vector<std::string_view> inside;
    std::vector<std::string_view> outside;
  } const rows[] = {
      {{}, {}, {"0.0.0.0", "::", "1.2.3.4"}},
      {{"10.0.0.0/8"},
       {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"},
       {"9.255.255.255", "11.0.0.0", "::", "::10.0.0.1"}},
      {{"::/0"}, {"::", "::1", "::ffff:0:1:1", "2001:db8::"}, {"10.0.0.1", "::ffff:10.0.0.1"}},
      {{"0.0.0.0/0"}, {"10.0.0.1", "::ffff:10.0.0.1"}, {"::", "::1", "ffff::"}},
      {{"192.0.2.7", "192.0.2.9", "2001:db8::/32", "192.0.2.8"},
       {"192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8:ffff::1"},
       {"192.0.2.6", "192.0.2.10", "2001:db9::", "2001:db7:ffff::"}},
      // nested, repeated, overlapping, out of order
      {{"10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "10.255.255.255", "9.0.0.0/8"},
       {"9.0.0.0", "10.1.2.3", "10.2.0.0", "10.255.255.255"},
       {"8.255.255.255", "11.0.0.0"}},
  };
  for (const auto& row : rows) {
    IpSet set = set_of(row.networks);
    CHECK(set.is_empty() == row.networks.empty());
    for (std::string_view text : row.inside) {
      CAPTURE(std::string(text));
      CHECK(set.contains(IpAddress::parse(text).value()));
    }
    for (std::string_view text : row.outside) {
      CAPTURE(std::string(text));
      CHECK(!set.contains(IpAddress::parse(text).value()));
    }
  }
}

}  // namespace
}  // namespace sluice
