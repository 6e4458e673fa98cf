#include "net/proxy_header.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.hpp"

namespace sluice::net {
namespace {

using Status = ProxyHeaderStatus;
using Reject = ProxyHeaderReject;
using Kind = ProxyHeader::Kind;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8U & 0xff), static_cast<char>(value & 0xff)};
}

std::string binary(std::uint8_t command, std::uint8_t family, const std::string& rest) {
  return signature + static_cast<char>(command) + static_cast<char>(family) + number(rest.size()) + rest;
}

std::string tlv(std::uint8_t type, const std::string& value) {
  return static_cast<char>(type) + number(value.size()) + value;
}

const std::string v4_addresses("\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb",
                               12);  // 192.0.2.1:56324 192.0.2.2:443
const std::string v6_addresses = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                                 std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x02" +
                                 std::string("\xdc\x04\x01\xbb", 4);
const std::string unix_addresses = "/run/a" + std::string(102, '\0') + "/run/b" + std::string(102, '\0');

// With a TLV at the end that has the sum of it all.
std::string with_checksum(std::string header, std::uint32_t error = 0) {
  const std::uint32_t sum = crc32c(header) ^ error;
  header.resize(header.size() - 4);
  for (unsigned shift : {24U, 16U, 8U, 0U}) header.push_back(static_cast<char>(sum >> shift & 0xff));
  return header;
}

std::string checked(const std::string& tlvs = "", std::uint32_t error = 0) {
  return with_checksum(binary(0x21, 0x11, v4_addresses + tlvs + tlv(0x03, std::string(4, '\0'))), error);
}

// What is read of exactly these bytes: AddressSanitizer sees a look behind them.
ProxyHeaderResult parse(std::string_view bytes, ProxyHeader& out) {
  auto memory = std::make_unique<char[]>(bytes.size());
  bytes.copy(memory.get(), bytes.size());
  return parse_proxy_header({memory.get(), bytes.size()}, out);
}

// As it comes in pieces that end at `ends`: the result of the first that decides.
ProxyHeaderResult deliver(std::string_view bytes, const std::vector<std::size_t>& ends, ProxyHeader& out) {
  ProxyHeaderResult result;
  for (std::size_t end : ends) {
    result = parse(bytes.substr(0, end), out);
    if (result.status != Status::partial) break;
  }
  return result;
}

void check_same(const ProxyHeaderResult& a, const ProxyHeaderResult& b) {
  CHECK(to_string(a.status) == to_string(b.status));
  CHECK(to_string(a.reject) == to_string(b.reject));
  CHECK(a.consumed == b.consumed);
}

std::string addresses(const ProxyHeader& header) {
  return header.source.to_string() + " " + header.destination.to_string();
}

// Whole, split at every offset, and byte by byte.
ProxyHeaderResult deliver_every_way(std::string_view bytes, ProxyHeader& out) {
  const ProxyHeaderResult whole = parse(bytes, out);
  std::vector<std::size_t> each_byte;
  for (std::size_t end = 1; end <= bytes.size(); ++end) {
    CAPTURE(end);
    each_byte.push_back(end);
    ProxyHeader split;
    check_same(deliver(bytes, {end, bytes.size()}, split), whole);
    if (whole.status == Status::complete && whole.reject == Reject::none) {
      CHECK(to_string(split.kind) == to_string(out.kind));
      if (out.kind == Kind::internet) CHECK(addresses(split) == addresses(out));
    }
  }
  ProxyHeader bit_by_bit;
  check_same(deliver(bytes, each_byte, bit_by_bit), whole);
  return whole;
}

TEST_CASE("PROXY headers that are whole") {
  struct Row {
    std::string header;
    Kind kind;
    std::uint8_t version;
    std::string_view addresses;
  };
  const std::string many_tlvs = tlv(0x01, "h2") + tlv(0x02, "example.com") + tlv(0x04, std::string(200, 'n')) +
                                tlv(0x05, std::string(128, 'u')) +
                                tlv(0x20, std::string("\x01\0\0\0\0", 5) + tlv(0x21, "TLSv1.3") + tlv(0x22, "client")) +
                                tlv(0x30, "ns") + tlv(0xee, "own") + tlv(0xe0, "");
  const std::string_view v4 = "192.0.2.1:56324 192.0.2.2:443";
  const std::string_view v6 = "[2001:db8::1]:56324 [2001:db8::2]:443";
  const Row rows[] = {
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", Kind::internet, 1, v4},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Kind::internet, 1,
       "255.255.255.255:65535 255.255.255.255:65535"},
      {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", Kind::internet, 1, "0.0.0.0:0 0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::1 2001:DB8:0:0::2 56324 443\r\n", Kind::internet, 1, v6},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 56324 443\r\n", Kind::internet, 1, v4},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       Kind::internet, 1,
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", Kind::unknown, 1, ""},
      {"PROXY UNKNOWN \r\n", Kind::unknown, 1, ""},
      {"PROXY UNKNOWN ffff:f::1 and what \r else 99999\r\n", Kind::unknown, 1, ""},
      {"PROXY UNKNOWN " + std::string(proxy_line_bytes_max - 16, 'x') + "\r\n", Kind::unknown, 1, ""},
      {binary(0x21, 0x11, v4_addresses), Kind::internet, 2, v4},
      {binary(0x21, 0x12, v4_addresses), Kind::internet, 2, v4},
      {binary(0x21, 0x21, v6_addresses), Kind::internet, 2, v6},
      {binary(0x21, 0x22, v6_addresses + tlv(0x04, "")), Kind::internet, 2, v6},
      {binary(0x21, 0x31, unix_addresses), Kind::nameless, 2, ""},
      {binary(0x21, 0x32, unix_addresses + tlv(0x04, "x")), Kind::nameless, 2, ""},
      {binary(0x21, 0x00, ""), Kind::unknown, 2, ""},
      {binary(0x21, 0x00, "whatever"), Kind::unknown, 2, ""},
      {binary(0x20, 0x00, ""), Kind::local, 2, ""},
      {binary(0x20, 0x11, v4_addresses), Kind::local, 2, ""},
      {binary(0x20, 0x11, "short"), Kind::local, 2, ""},
      {binary(0x20, 0xff, tlv(0x03, "bad")), Kind::local, 2, ""},
      {binary(0x21, 0x11, v4_addresses + many_tlvs), Kind::internet, 2, v4},
      {checked(), Kind::internet, 2, v4},
      {checked(many_tlvs), Kind::internet, 2, v4},
      {binary(0x21, 0x11, v4_addresses + tlv(0x04, std::string(proxy_header_bytes_max - 16 - 12 - 3, 'n'))),
       Kind::internet, 2, v4},
  };
  for (const Row& row : rows) {
    CAPTURE(row.header);
    ProxyHeader header;
    const ProxyHeaderResult result = deliver_every_way(row.header, header);
    CHECK(to_string(result.status) == "complete");
    CHECK(result.consumed == row.header.size());
    CHECK(to_string(header.kind) == to_string(row.kind));
    CHECK(header.version == row.version);
    if (row.kind == Kind::internet) CHECK(addresses(header) == row.addresses);
    // What follows is not looked at.
    ProxyHeader again;
    check_same(parse(row.header + "GET / HTTP/1.1\r\n", again), result);
    check_same(parse(row.header + "\n", again), result);
  }
}

TEST_CASE("PROXY headers that are not whole yet") {
  const std::string rows[] = {
      "",
      "P",
      "PROXY",
      "PROXY ",
      "PROXY TCP4",
      "PROXY nonsense without an end",
      "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443",
      "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r",
      "PROXY UNKNOWN " + std::string(proxy_line_bytes_max - 15, 'x'),
      "\r",
      signature,
      signature + "\x21",
      signature + "\x21\x11",
      signature + std::string("\x21\x11\0", 3),
      signature + std::string("\x21\x11\0\x0c", 4),
      binary(0x21, 0x11, v4_addresses).substr(0, 27),
      signature + std::string("\x20\0\x0f\xf0", 4) + std::string(4079, 'x'),
  };
  for (const std::string& row : rows) {
    CAPTURE(row);
    ProxyHeader header;
    const ProxyHeaderResult result = deliver_every_way(row, header);
    CHECK(to_string(result.status) == "partial");
    CHECK(result.consumed == 0);
    CHECK(row.size() < proxy_header_bytes_max);
  }
}

struct RejectedRow {
  std::string header;
  Reject reject;
};

void check_rejected(std::span<const RejectedRow> rows) {
  for (const RejectedRow& row : rows) {
    CAPTURE(row.header);
    ProxyHeader header;
    const ProxyHeaderResult result = deliver_every_way(row.header, header);
    CHECK(to_string(result.status) == "rejected");
    CHECK(to_string(result.reject) == to_string(row.reject));
    CHECK(result.consumed == 0);
  }
}

TEST_CASE("PROXY lines, and what is none, that are rejected") {
  const std::string end = "\r\n";
  const RejectedRow rows[] = {
      {"GET / HTTP/1.1\r\n", Reject::not_proxy},
      {"proxy UNKNOWN\r\n", Reject::not_proxy},
      {"PROXX", Reject::not_proxy},
      {"PROXY\tUNKNOWN\r\n", Reject::not_proxy},
      {" PROXY UNKNOWN\r\n", Reject::not_proxy},
      {"\n", Reject::not_proxy},
      {"\r\n\r\nx", Reject::not_proxy},
      {std::string("\0", 1), Reject::not_proxy},
      {std::string("\x16\x03\x01", 3), Reject::not_proxy},
      {"PROXY \r\n", Reject::bad_line},
      {"PROXY  UNKNOWN\r\n", Reject::bad_line},
      {"PROXY UNKNOWNX\r\n", Reject::bad_line},
      {"PROXY UNKNOWN\n", Reject::bad_line},
      {"PROXY unknown\r\n", Reject::bad_line},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", Reject::bad_line},
      {"PROXY TCP5 192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_line},
      {"PROXY tcp4 192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_line},
      {"PROXY UDP4 192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_line},
      {"PROXY TCP4\r\n", Reject::bad_line},
      {"PROXY TCP4 192.0.2.1\r\n", Reject::bad_line},
      {"PROXY TCP4 192.0.2.1 192.0.2.2\r\n", Reject::bad_line},
      {"PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_line},
      {"PROXY TCP4 192.0.2.1  192.0.2.2 56324 443\r\n", Reject::bad_line},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 \r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324  443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 00 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 0x50 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 99999999999999999999 443\r\n", Reject::bad_port},
      {"PROXY TCP4 192.0.2.256 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 192.0.2 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 192.0.2.01 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 192.0.2.1 example.com 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP6 192.0.2.1 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP6 2001:db8::1 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP6 2001:db8::1::1 2001:db8::2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP6 [2001:db8::1] 2001:db8::2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP6 fe80::1%lo 2001:db8::2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 192.0.2.1" + std::string(1, '\0') + " 192.0.2.2 56324 443\r\n", Reject::bad_address},
      {"PROXY TCP4 192.0.2.1\t192.0.2.2 56324 443\r\n", Reject::bad_port},
      {"PROXY UNKNOWN " + std::string(proxy_line_bytes_max - 15, 'x') + end, Reject::line_too_long},
      {"PROXY UNKNOWN " + std::string(proxy_line_bytes_max, 'x'), Reject::line_too_long},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 " + std::string(90, '4') + end, Reject::line_too_long},
  };
  check_rejected(rows);
}

TEST_CASE("binary PROXY headers that are rejected") {
  const RejectedRow rows[] = {
      {signature + "\x11", Reject::bad_version},
      {signature + "\x31\x11", Reject::bad_version},
      {signature + std::string(1, '\0'), Reject::bad_version},
      {signature + "\x22\x11", Reject::bad_command},
      {signature + "\x2f\x11", Reject::bad_command},
      {signature + "\x21\x01", Reject::bad_family},
      {signature + "\x21\x10", Reject::bad_family},
      {signature + "\x21\x13", Reject::bad_family},
      {signature + "\x21\x33", Reject::bad_family},
      {signature + "\x21\x41", Reject::bad_family},
      {signature + "\x21\xff", Reject::bad_family},
      {signature + std::string("\x21\x11\xff\xff", 4), Reject::too_long},
      {signature + std::string("\x20\x00\x0f\xf1", 4), Reject::too_long},
      {binary(0x21, 0x11, ""), Reject::bad_length},
      {binary(0x21, 0x11, v4_addresses.substr(1)), Reject::bad_length},
      {binary(0x21, 0x21, v4_addresses), Reject::bad_length},
      {binary(0x21, 0x21, v6_addresses.substr(1)), Reject::bad_length},
      {binary(0x21, 0x31, unix_addresses.substr(1)), Reject::bad_length},
      {binary(0x21, 0x11, v4_addresses + "\x04"), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + std::string("\x04\0", 2)), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + std::string("\x04\0\x02x", 4)), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + std::string("\x04\xff\xffx", 4)), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x01, "h2") + "x"), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0xee, "own").substr(0, 5)), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x05, std::string(129, 'u'))), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x20, std::string(4, '\0'))), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x20, std::string(5, '\0') + "\x21")), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x20, std::string(5, '\0') + std::string("\x21\0\x05t", 4))),
       Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x03, "")), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x03, "abc")), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x03, "abcde")), Reject::bad_tlv},
      {binary(0x21, 0x11, v4_addresses + tlv(0x03, std::string(4, '\0'))), Reject::bad_checksum},
      {checked("", 1), Reject::bad_checksum},
      {checked("", 0x80000000), Reject::bad_checksum},
      {checked(tlv(0x04, "x"), 0x100), Reject::bad_checksum},
      {binary(0x21, 0x31, unix_addresses + tlv(0x03, "abcd")), Reject::bad_checksum},
  };
  check_rejected(rows);
}

// A second checksum cannot be right together with the first unless it is computed for it.
TEST_CASE("a PROXY header has one checksum") {
  const std::string two = binary(0x21, 0x11, v4_addresses + tlv(0x03, std::string(4, '\0')) + tlv(0x03, "abcd"));
  std::string header = two;
  const std::size_t at = 16 + 12 + 3;
  const std::uint32_t sum = crc32c(header);
  for (unsigned i = 0; i < 4; ++i) header[at + i] = static_cast<char>(sum >> (24U - 8U * i) & 0xff);
  ProxyHeader out;
  CHECK(to_string(parse(header, out).reject) == "bad_tlv");
}

TEST_CASE("each bit of a PROXY header with a checksum counts") {
  const std::string header = checked(tlv(0x02, "example.com"));
  const std::size_t checksum_at = header.size() - 4 - 3;
  for (std::size_t at = 0; at < header.size(); ++at) {
    if (at == checksum_at) continue;  // of another type it would be no checksum
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string other = header;
      other[at] = static_cast<char>(static_cast<unsigned char>(other[at]) ^ (1U << bit));
      CAPTURE(at);
      CAPTURE(bit);
      ProxyHeader out;
      const ProxyHeaderResult result = parse(other, out);
      // The command, the family and the length may say that nothing of the rest is to be looked at, or more of it.
      const bool is_skipped = result.status == Status::complete && out.kind != Kind::internet;
      const bool is_cut = result.status == Status::partial && (at == 14 || at == 15);
      const bool has_refused = result.status == Status::rejected;
      CHECK((has_refused || is_skipped || is_cut));
      if (is_skipped) CHECK((at == 12 || at == 13));
    }
  }
}

TEST_CASE("PROXY headers that are written") {
  struct Row {
    std::string_view source;
    std::string_view destination;
    std::string line;
    std::string binary;
  };
  const std::string mixed("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01", 16);
  const Row rows[] = {
      {"192.0.2.1:56324", "192.0.2.2:443", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
       binary(0x21, 0x11, v4_addresses)},
      {"[2001:db8::1]:56324", "[2001:db8::2]:443", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n",
       binary(0x21, 0x21, v6_addresses)},
      {"[::ffff:192.0.2.1]:56324", "192.0.2.2:443", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
       binary(0x21, 0x11, v4_addresses)},
      {"192.0.2.1:56324", "[2001:db8::2]:443", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n",
       binary(0x21, 0x21, mixed + v6_addresses.substr(16))},
      {"unix:@a", "192.0.2.2:443", "PROXY UNKNOWN\r\n", binary(0x21, 0x00, "")},
      {"192.0.2.1:1", "unix:/run/a", "PROXY UNKNOWN\r\n", binary(0x21, 0x00, "")},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Address source = Address::parse(row.source).value();
    const Address destination = Address::parse(row.destination).value();
    std::array<char, proxy_line_bytes_max> memory;
    CHECK(write_proxy_header(ProxyVersion::v1, source, destination, memory) == row.line);
    CHECK(write_proxy_header(ProxyVersion::v2, source, destination, memory) == row.binary);
    for (const std::string& header : {row.line, row.binary}) {
      ProxyHeader read;
      CHECK(parse(header, read).consumed == header.size());
      if (!source.is_unix() && !destination.is_unix()) CHECK(read.source.port() == source.port());
    }
  }
  std::array<char, proxy_line_bytes_max> memory;
  CHECK(write_proxy_header(ProxyVersion::v1, Address(), Address(), memory) == "PROXY UNKNOWN\r\n");
  const Address longest = Address::parse("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535").value();
  CHECK(write_proxy_header(ProxyVersion::v1, longest, longest, memory).size() == 104);
}

TEST_CASE("names of what a PROXY header can be") {
  CHECK(to_string(static_cast<Reject>(13)) == "?");
  CHECK(to_string(Reject::bad_checksum) == "bad_checksum");
  CHECK(to_string(Kind::nameless) == "nameless");
  CHECK(to_string(ProxyVersion::v2) == "v2");
}

}  // namespace
}  // namespace sluice::net
