#include "http/forwarded.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {
namespace {

std::string text_of(const std::optional<IpAddress>& address) { return address ? address->to_string() : "none"; }

TEST_CASE("hops of X-Forwarded-For") {
  struct {
    std::string_view text;
    std::string_view address;
  } const rows[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1:443", "192.0.2.1"},
      {"2001:db8::1", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:db8::1]:65535", "2001:db8::1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"[::ffff:192.0.2.1]:1", "192.0.2.1"},
      {"192.0.2.1:_port", "192.0.2.1"},
      {"", "none"},
      {"unknown", "none"},
      {"_hidden", "none"},
      {"localhost", "none"},
      {"192.0.2.1:", "none"},
      {"192.0.2.1:x", "none"},
      {"192.0.2.1:123456", "none"},
      {"192.0.2.1:-1", "none"},
      {"192.0.2.1:_", "none"},
      {"192.0.2.1:80:80", "none"},
      {"192.0.2.1 evil", "none"},
      {"192.0.2", "none"},
      {"\"192.0.2.1\"", "none"},
      {"for=192.0.2.1", "none"},
      {"[192.0.2.1]", "none"},
      {"[192.0.2.1]:80", "none"},
      {"[2001:db8::1", "none"},
      {"[2001:db8::1]x", "none"},
      {"[2001:db8::1]:", "none"},
      {"[2001:db8::1]80", "none"},
      {"[]", "none"},
      {"[]:80", "none"},
      {"2001:db8::1]", "none"},
      {"[[2001:db8::1]]", "none"},
      {"2001:db8::1%eth0", "none"},
      {":", "none"},
      {":80", "none"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(text_of(parse_hop(row.text)) == row.address);
  }
}

TEST_CASE("elements of Forwarded") {
  struct {
    std::string_view text;
    std::string_view address;
  } const rows[] = {
      {"for=192.0.2.1", "192.0.2.1"},
      {"FOR=192.0.2.1", "192.0.2.1"},
      {"for=\"192.0.2.1\"", "192.0.2.1"},
      {"for=\"192.0.2.1:47011\"", "192.0.2.1"},
      {"for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"},
      {"for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
      {"for=\"[2001:db8:cafe::17]:_4711\"", "2001:db8:cafe::17"},
      {"proto=http;by=203.0.113.43;for=192.0.2.60", "192.0.2.60"},
      {"for=192.0.2.60 ; proto=http", "192.0.2.60"},
      {";for=192.0.2.60;;proto=http;", "192.0.2.60"},
      {"for=\"192.0.2.6\\0\"", "192.0.2.60"},
      {"by=\"a;b,c\\\"\";for=192.0.2.1", "192.0.2.1"},
      {"host=\"for=1.1.1.1\";for=192.0.2.1", "192.0.2.1"},
      {"ext=\"\";for=192.0.2.1", "192.0.2.1"},
      {"", "none"},
      {"proto=http", "none"},
      {"for=unknown", "none"},
      {"for=_gazonk", "none"},
      {"for=\"_gazonk\"", "none"},
      {"for=", "none"},
      {"for", "none"},
      {"for =192.0.2.1", "none"},
      {"for= 192.0.2.1", "none"},
      {"for=192.0.2.1:47011", "none"},
      {"for=[2001:db8::1]", "none"},
      {"for=\"2001:db8::1\"", "none"},
      {"for=2001:db8::1", "none"},
      {"for=\"192.0.2.1", "none"},
      {"for=192.0.2.1\"", "none"},
      {"for=\"192.0.2.1\\\"", "none"},
      {"for=\"192.0.2.1\\", "none"},
      {"for=\"\"", "none"},
      {"for=192.0.2.1;for=192.0.2.2", "none"},
      {"for=192.0.2.1;For=192.0.2.1", "none"},
      {"192.0.2.1", "none"},
      {"for=192.0.2.1;junk", "none"},
      {"for=192.0.2.1;=x", "none"},
      {"by=\"open;for=192.0.2.1", "none"},
      {"for=192.0.2.1 evil", "none"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(text_of(parse_forwarded_element(row.text).address) == row.address);
  }
  CHECK(text_of(parse_forwarded_element("for=\"" + std::string(1000, '1') + "\"").address) == "none");
}

const IpSet& trusted() {
  static const IpSet set({IpNetwork::parse("10.0.0.0/8").value(), IpNetwork::parse("2001:db8::/32").value()});
  return set;
}

std::string client_of(HopField field, const std::vector<std::string>& lines) {
  FieldList fields;
  fields.add("X-Other", "192.0.2.99");
  for (const std::string& line : lines) {
    fields.add(field == HopField::forwarded ? "Forwarded" : "X-Forwarded-For", line);
    fields.add(field == HopField::forwarded ? "X-Forwarded-For" : "Forwarded", "for=192.0.2.98");
  }
  return text_of(find_client(fields, field, trusted()).address);
}

TEST_CASE("the client is the first hop from the right that is not trusted") {
  struct {
    std::vector<std::string> lines;
    std::string_view client;
  } const rows[] = {
      {{}, "none"},
      {{""}, "none"},
      {{" , ,"}, "none"},
      {{"192.0.2.1"}, "192.0.2.1"},
      {{"192.0.2.1, 192.0.2.2"}, "192.0.2.2"},
      {{"192.0.2.1, 192.0.2.2, 10.0.0.1"}, "192.0.2.2"},
      {{"192.0.2.1,192.0.2.2,10.0.0.1,2001:db8::7,10.0.0.2"}, "192.0.2.2"},
      {{"192.0.2.1", "192.0.2.2", "10.0.0.1"}, "192.0.2.2"},
      {{"192.0.2.1, 192.0.2.2", "10.0.0.1, 10.0.0.2"}, "192.0.2.2"},
      {{"192.0.2.1", "", "10.0.0.1"}, "192.0.2.1"},
      {{"192.0.2.1:5000, [2001:db8::1]:80"}, "192.0.2.1"},
      {{"::ffff:192.0.2.1, ::ffff:10.0.0.1"}, "192.0.2.1"},
      // all of them are trusted: the leftmost
      {{"10.0.0.3, 10.0.0.2, 10.0.0.1"}, "10.0.0.3"},
      // what is no address ends the walk
      {{"192.0.2.1, unknown"}, "none"},
      {{"192.0.2.1, unknown, 10.0.0.1"}, "10.0.0.1"},
      {{"192.0.2.1, 10.0.0.2x, 10.0.0.1"}, "10.0.0.1"},
      {{"192.0.2.1, \"10.0.0.2\", 10.0.0.1"}, "10.0.0.1"},
      {{"192.0.2.1", "evil", "10.0.0.1"}, "10.0.0.1"},
      {{"192.0.2.1 10.0.0.1"}, "none"},
      {{"<script>, 192.0.2.1"}, "192.0.2.1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.lines);
    CHECK(client_of(HopField::x_forwarded_for, row.lines) == row.client);
  }
}

TEST_CASE("the same with Forwarded") {
  struct {
    std::vector<std::string> lines;
    std::string_view client;
  } const rows[] = {
      {{}, "none"},
      {{"for=192.0.2.1"}, "192.0.2.1"},
      {{"for=192.0.2.1, for=192.0.2.2;proto=https, for=10.0.0.1;by=10.0.0.2"}, "192.0.2.2"},
      {{"for=192.0.2.1", "for=\"[2001:db8::1]\""}, "192.0.2.1"},
      {{"for=\"192.0.2.1:80\",for=10.0.0.1;host=\"a,b\""}, "192.0.2.1"},
      {{"for=192.0.2.1, for=unknown, for=10.0.0.1"}, "10.0.0.1"},
      {{"for=192.0.2.1, for=_hidden"}, "none"},
      {{"for=192.0.2.1, proto=http"}, "none"},
      {{"192.0.2.1"}, "none"},
      // an open quote of a stranger does not reach what a proxy appended
      {{"for=\"evil, for=192.0.2.2"}, "192.0.2.2"},
      {{"for=192.0.2.1;x=\", for=192.0.2.2, for=10.0.0.1"}, "192.0.2.2"},
      {{"\", for=192.0.2.2;host=\"a,b\", for=10.0.0.1"}, "192.0.2.2"},
      {{"for=192.0.2.1\\\", for=192.0.2.2"}, "192.0.2.2"},
      {{"for=192.0.2.1, for=192.0.2.2;host=\"\\\"a,b\\\\\""}, "192.0.2.2"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.lines);
    CHECK(client_of(HopField::forwarded, row.lines) == row.client);
  }
}

TEST_CASE("the walk is bounded") {
  std::string list = "192.0.2.1";
  for (unsigned i = 1; i < forwarded_hops_max; ++i) list += ", 10.0.0.1";
  CHECK(client_of(HopField::x_forwarded_for, {list}) == "192.0.2.1");
  list += ", 10.0.0.2";
  CHECK(client_of(HopField::x_forwarded_for, {list}) == "10.0.0.1");
  CHECK(client_of(HopField::x_forwarded_for, {"192.0.2.1" + std::string(forwarded_hops_max, ',')}) == "none");
}

TEST_CASE("request ids") {
  for (std::string_view id : {"a", "0190a3c0-0000-7000-8000-000000000000", "Root=1-67891233-abcdef012345678912345678",
                              "01J9ZQ5Y7R", "a.b_c~d+e/f=g:h@i"}) {
    CHECK(is_request_id(id));
  }
  CHECK(is_request_id(std::string(128, 'x')));
  for (std::string_view id : {"", " ", "a b", "a,b", "a;b", "a\"b", "a\\b", "<a>", "a\tb", "\xc3\xa4", "{a}", "a%20"}) {
    CAPTURE(std::string(id));
    CHECK(!is_request_id(id));
  }
  CHECK(!is_request_id(std::string(129, 'x')));
  CHECK(!is_request_id(std::string_view("a\0b", 3)));
}

TEST_CASE("the client's scheme") {
  auto of_proto = [](const std::vector<std::string_view>& values) {
    FieldList fields;
    for (std::string_view value : values) fields.add("X-Forwarded-Proto", value);
    fields.add("Forwarded", "for=192.0.2.1;proto=https");
    return std::string(find_client(fields, HopField::x_forwarded_for, trusted()).scheme);
  };
  CHECK(of_proto({"http"}) == "http");
  CHECK(of_proto({"HTTPS"}) == "https");
  for (const auto& values :
       std::vector<std::vector<std::string_view>>{{}, {""}, {"ftp"}, {"https,http"}, {"https", "https"}, {"http s"}}) {
    CHECK(of_proto(values).empty());
  }
  auto of_forwarded = [](std::string_view list) {
    FieldList fields;
    fields.add("X-Forwarded-Proto", "https");
    fields.add("Forwarded", list);
    return std::string(find_client(fields, HopField::forwarded, trusted()).scheme);
  };
  CHECK(of_forwarded("for=192.0.2.1;proto=https, for=10.0.0.1;proto=http") == "https");
  CHECK(of_forwarded("for=192.0.2.1;proto=\"HTTP\", for=10.0.0.1;proto=https") == "http");
  CHECK(of_forwarded("for=192.0.2.1, for=10.0.0.1;proto=https").empty());
  CHECK(of_forwarded("for=192.0.2.1;proto=ftp").empty());
  CHECK(of_forwarded("for=192.0.2.1;proto=https, for=unknown").empty());
  CHECK(of_forwarded("proto=https").empty());
}

}  // namespace
}  // namespace sluice::http
