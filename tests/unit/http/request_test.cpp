#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "delivery.hpp"
#include "http/parser.hpp"

namespace sluice::http {
namespace {

HeadResult parse(std::string_view bytes, std::size_t already_seen, RequestHead& head) {
  return parse_request_head(bytes, already_seen, {}, head);
}

HeadResult every_way(std::string_view bytes) {
  RequestHead head;
  return deliver_every_way(bytes, [&](std::string_view b, std::size_t seen) { return parse(b, seen, head); });
}

struct Refused {
  std::string_view bytes;
  Reject reject;
};

using namespace std::string_view_literals;

constexpr Refused refused_lines[] = {
    // line ends
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", Reject::bare_lf},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", Reject::bare_lf},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", Reject::bare_lf},
    {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bare_lf},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", Reject::bare_cr},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Reject::bare_cr},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n", Reject::bare_cr},
    {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bare_cr},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::empty_request_line},
    {"\r\n\r\n", Reject::empty_request_line},
    // forbidden bytes
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"sv, Reject::control_byte},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n"sv, Reject::control_byte},
    {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv, Reject::control_byte},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", Reject::control_byte},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[0m\r\n\r\n", Reject::control_byte},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x0b\r\n\r\n", Reject::control_byte},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x0c\r\n\r\n", Reject::control_byte},
    {"\x16\x03\x01\x02", Reject::control_byte},  // a TLS ClientHello
    // the request line
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET / / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET /\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET \r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_request_line},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_method},
    {"G\tET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_method},
    {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_method},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_method},
    {"GET\xc3\xa9 / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_method},
    {"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    // versions
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", Reject::unsupported_version},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", Reject::unsupported_version},
    {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", Reject::unsupported_version},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reject::unsupported_version},
    {"GET / HTTP/1\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / HTTP/11\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / HTTP/1,1\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / HTTP/x.1\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", Reject::bad_version},
    {"GET / \r\nHost: a\r\n\r\n", Reject::bad_version},
    // targets
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a\"b HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a?<b> HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET /a?\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"CONNECT u@a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http:/a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b:/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b:x/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b,c/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b#c HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b\\c/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://b/\\c HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    {"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::bad_target},
    // field lines
    {"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", Reject::space_before_colon},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", Reject::space_before_colon},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Reject::space_before_colon},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", Reject::space_before_colon},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", Reject::obs_fold},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", Reject::obs_fold},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Reject::obs_fold},
    {"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", Reject::obs_fold},
    {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\tY: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\n\"X\": b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\xa0: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent\xadLength: 5\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX{}: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\nX/Y: b\r\n\r\n", Reject::bad_field_name},
    {"GET / HTTP/1.1\r\nHost: a\r\na-name-of-more-than-sixteen-bytes\r\n\r\n", Reject::bad_field_name},
};

constexpr Refused refused_fields[] = {
    // Host
    {"GET / HTTP/1.1\r\n\r\n", Reject::missing_host},
    {"GET http://a/ HTTP/1.1\r\n\r\n", Reject::missing_host},
    {"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", Reject::missing_host},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Reject::repeated_host},
    {"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", Reject::repeated_host},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Reject::repeated_host},
    {"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Reject::repeated_host},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost:  \r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.0\r\nHost:\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: u:p@a\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Reject::bad_host},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", Reject::bad_host},
    {"GET http://good/ HTTP/1.1\r\nHost: bad host\r\n\r\n", Reject::bad_host},
    // Content-Length
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Reject::repeated_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n", Reject::repeated_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5;a=b\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5_0\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", Reject::bad_content_length},
    {"POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Reject::repeated_content_length},
    // Content-Length and Transfer-Encoding, in both orders
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    // Transfer-Encoding
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Reject::transfer_encoding_in_http_1_0},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n", Reject::transfer_encoding_in_http_1_0},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
     Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked chunked\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xc2\x85 chunked\r\n\r\n", Reject::bad_transfer_encoding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Reject::unknown_transfer_coding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::unknown_transfer_coding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Reject::unknown_transfer_coding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", Reject::unknown_transfer_coding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", Reject::unknown_transfer_coding},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunke\r\n\r\n", Reject::unknown_transfer_coding},
    // Expect
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", Reject::bad_expectation},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", Reject::bad_expectation},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", Reject::bad_expectation},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", Reject::bad_expectation},
    // Connection, Upgrade
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", Reject::bad_connection},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close;\r\n\r\n", Reject::bad_connection},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: \"x\"\r\n\r\n", Reject::bad_connection},
    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: web socket\r\n\r\n", Reject::bad_connection},
    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a/\r\n\r\n", Reject::bad_connection},
    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: /1\r\n\r\n", Reject::bad_connection},
};

void check_refused(std::string_view bytes, Reject reject) {
  CAPTURE(std::string(bytes));
  HeadResult result = every_way(bytes);
  CHECK(to_string(result.status) == "rejected");
  CHECK(to_string(result.reject) == to_string(reject));
}

TEST_CASE("a malformed start line or field line is refused") {
  for (const Refused& row : refused_lines) check_refused(row.bytes, row.reject);
}

TEST_CASE("a head with ambiguous meaning is refused") {
  for (const Refused& row : refused_fields) check_refused(row.bytes, row.reject);
}

TEST_CASE("every control character is refused everywhere in a head") {
  const std::string head = "GET /a?b HTTP/1.1\r\nHost: a.b\r\nX-Some-Longer-Name: some longer value\r\n\r\n";
  for (int byte = 0; byte < 0x80; ++byte) {
    if (byte == '\t' || (byte >= 0x20 && byte != 0x7f)) continue;
    for (std::size_t at = 0; at < head.size(); ++at) {
      if (head[at] == '\r' || head[at] == '\n') continue;
      std::string bytes = head;
      bytes[at] = static_cast<char>(byte);
      CAPTURE(byte);
      CAPTURE(at);
      RequestHead out;
      CHECK(parse(bytes, 0, out).status == HeadStatus::rejected);
    }
  }
}

TEST_CASE("a line end that lost a byte or got another one is refused") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  RequestHead out;
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (head[at] != '\r' && head[at] != '\n') continue;
    for (std::string_view wrong : {""sv, "\r"sv, "\n"sv, " "sv, "\t"sv, "\v"sv, "\0"sv, "\r\r"sv, "\n\n"sv}) {
      if (wrong == head.substr(at, 1)) continue;
      std::string bytes = head.substr(0, at) + std::string(wrong) + head.substr(at + 1);
      CAPTURE(bytes);
      // What comes behind a whole head is the next one's.
      bool is_whole = bytes.starts_with(head);
      CHECK((parse(bytes, 0, out).status == HeadStatus::complete) == is_whole);
    }
  }
}

struct Accepted {
  std::string_view bytes;
  Method method;
  TargetForm form;
  std::string_view path;
  std::string_view query;
  std::string_view authority;
  BodyFraming framing;
  bool keep_alive;
};

constexpr auto none = BodyFraming::none();

constexpr Accepted accepted[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::origin, "/", "", "a", none, true},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::origin, "/", "", "a", none, true},
    {"GET /a/b?c=d&e HTTP/1.1\r\nHost: a.b:81\r\n\r\n", Method::get, TargetForm::origin, "/a/b", "?c=d&e", "a.b:81",
     none, true},
    {"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::origin, "/", "?", "a", none, true},
    {"GET //x/../%2e%zz HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::origin, "//x/../%2e%zz", "", "a", none,
     true},
    {"GET /?a[]={1}|2^`\\?/ HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::origin, "/", "?a[]={1}|2^`\\?/", "a",
     none, true},
    {"HEAD / HTTP/1.1\r\nhost:\t [::1]:8080 \t\r\n\r\n", Method::head, TargetForm::origin, "/", "", "[::1]:8080", none,
     true},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", Method::other, TargetForm::origin, "/", "", "a", none, true},
    {"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", Method::other, TargetForm::origin, "/", "", "a", none, true},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Method::options, TargetForm::asterisk, "*", "", "a", none, true},
    {"OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", Method::options, TargetForm::origin, "/x", "", "a", none, true},
    {"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", Method::options, TargetForm::absolute, "*", "", "b", none, true},
    {"OPTIONS http://b?c HTTP/1.1\r\nHost: a\r\n\r\n", Method::options, TargetForm::absolute, "/", "?c", "b", none,
     true},
    {"GET http://b:82/c?d HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::absolute, "/c", "?d", "b:82", none,
     true},
    {"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", Method::get, TargetForm::absolute, "/", "", "b", none, true},
    {"GET http://b?c HTTP/1.0\r\n\r\n", Method::get, TargetForm::absolute, "/", "?c", "b", none, false},
    {"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", Method::connect, TargetForm::authority, "", "", "b:443", none,
     true},
    {"GET / HTTP/1.0\r\n\r\n", Method::get, TargetForm::origin, "/", "", "", none, false},
    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", Method::get, TargetForm::origin, "/", "", "a", none,
     true},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Method::get, TargetForm::origin, "/", "", "", none,
     false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection:,CLOSE ,\r\n\r\n", Method::get, TargetForm::origin, "/",
     "", "a", none, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", Method::get, TargetForm::origin, "/", "", "a", none,
     true},
    {"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n", Method::get, TargetForm::origin, "/", "", "a",
     none, true},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Method::post, TargetForm::origin, "/", "", "a",
     BodyFraming::of_length(0), true},
    {"PUT / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH:0042\r\n\r\n", Method::put, TargetForm::origin, "/", "", "a",
     BodyFraming::of_length(42), true},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", Method::post, TargetForm::origin, "/",
     "", "a", BodyFraming::of_length(INT64_MAX), true},
    {"PATCH / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", Method::patch, TargetForm::origin, "/", "",
     "a", BodyFraming::chunked(), true},
    {"DELETE / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \xc3\xa9\tz\r\nZ:a:b\r\n\r\n", Method::delete_, TargetForm::origin, "/",
     "", "a", none, true},
    {"TRACE / HTTP/1.1\r\nX-1: 1\r\nHost: a\r\n!#$%&'*+-.^_`|~: 1\r\n\r\n", Method::trace, TargetForm::origin, "/", "",
     "a", none, true},
};

TEST_CASE("a valid head is taken apart") {
  for (const Accepted& row : accepted) {
    CAPTURE(std::string(row.bytes));
    HeadResult result = every_way(row.bytes);
    CHECK(to_string(result.reject) == "none");
    CHECK(to_string(result.status) == "complete");
    CHECK(result.consumed == row.bytes.size());
    RequestHead head;
    std::string with_next = std::string(row.bytes) + "GET \x01";
    CHECK(parse(with_next, 0, head) == result);
    CHECK(head.method == row.method);
    CHECK(head.target_form == row.form);
    CHECK(head.path == row.path);
    CHECK(head.query == row.query);
    CHECK(head.authority == row.authority);
    CHECK(head.framing == row.framing);
    CHECK(head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("a head that is reused keeps nothing of the one before") {
  RequestHead head;
  REQUIRE(parse("POST http://b:1/c?d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: "
                "upgrade, "
                "te, x\r\nUpgrade: h2c\r\n\r\n",
                0, head)
              .status == HeadStatus::complete);
  CHECK(head.expect_continue);
  CHECK(head.upgrade == Upgrade::h2c);
  CHECK(head.connection.te);
  CHECK(head.connection.names_fields);
  REQUIRE(parse("GET / HTTP/1.0\r\n\r\n", 0, head).status == HeadStatus::complete);
  CHECK(head.authority.empty());
  CHECK(head.host == Authority{});
  CHECK(head.query.empty());
  CHECK(head.fields.is_empty());
  CHECK(!head.fields.contains(FieldId::host));
  CHECK(head.framing == none);
  CHECK(!head.expect_continue);
  CHECK(head.upgrade == Upgrade::none);
  CHECK(!head.connection.upgrade);
  CHECK(!head.connection.te);
  CHECK(!head.connection.names_fields);
}

TEST_CASE("the fields come in their order, trimmed, with their ids") {
  RequestHead head;
  REQUIRE(parse("GET / HTTP/1.1\r\nhOsT: a:80\r\nX-A:  1 \r\nACCEPT:\t*/*\t\r\nx-a: 2\r\n\r\n", 0, head).status ==
          HeadStatus::complete);
  REQUIRE(head.fields.size() == 4);
  CHECK(head.fields[0].name == "hOsT");
  CHECK(head.fields[0].id == FieldId::host);
  CHECK(head.fields[1].value == "1");
  CHECK(head.fields[2].value == "*/*");
  CHECK(head.fields[2].id == FieldId::accept);
  CHECK(head.fields.find("x-A")->value == "1");
  CHECK(head.fields.find("Accept") == &head.fields[2]);
  CHECK(head.fields.find("y") == nullptr);
  CHECK(head.host == Authority{"a", 80});
}

TEST_CASE("Expect counts with a body in HTTP/1.1") {
  struct {
    std::string_view bytes;
    bool expects;
  } const rows[] = {
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", true},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false},
      {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false},
      {"POST / HTTP/1.0\r\nExpect: anything\r\nContent-Length: 1\r\n\r\n", false},
  };
  RequestHead head;
  for (const auto& row : rows) {
    CAPTURE(std::string(row.bytes));
    CHECK(parse(row.bytes, 0, head).status == HeadStatus::complete);
    CHECK(head.expect_continue == row.expects);
  }
}

TEST_CASE("Upgrade counts in HTTP/1.1 with Connection: upgrade") {
  struct {
    std::string_view bytes;
    Upgrade upgrade;
  } const rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", Upgrade::websocket},
      {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: keep-alive, upgrade\r\n\r\n", Upgrade::h2c},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: irc/6.9, x\r\n\r\n", Upgrade::other},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
       Upgrade::other},
      {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", Upgrade::none},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", Upgrade::none},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", Upgrade::none},
  };
  RequestHead head;
  for (const auto& row : rows) {
    CAPTURE(std::string(row.bytes));
    CHECK(parse(row.bytes, 0, head).status == HeadStatus::complete);
    CHECK(to_string(head.upgrade) == to_string(row.upgrade));
  }
}

std::string head_with_fields(std::size_t count) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < count; ++i) bytes += "X-" + std::to_string(i) + ": y\r\n";
  return bytes + "\r\n";
}

TEST_CASE("limits of a head") {
  RequestHead head;
  SUBCASE("fields") {
    CHECK(parse(head_with_fields(limits::head_fields_max), 0, head).status == HeadStatus::complete);
    CHECK(head.fields.size() == limits::head_fields_max);
    for (std::size_t count : {limits::head_fields_max + 1, limits::head_fields_max + 2, limits::head_fields_max + 9}) {
      CHECK(every_way(head_with_fields(count)).reject == Reject::too_many_fields);
    }
    HeadLimits three;
    three.fields_max = 3;
    CHECK(parse_request_head(head_with_fields(3), 0, three, head).status == HeadStatus::complete);
    CHECK(parse_request_head(head_with_fields(4), 0, three, head).reject == Reject::too_many_fields);
    HeadLimits more_than_fit;
    more_than_fit.fields_max = 1000;
    CHECK(parse_request_head(head_with_fields(200), 0, more_than_fit, head).reject == Reject::too_many_fields);
  }
  SUBCASE("bytes") {
    const std::string bytes = "GET /abcdefgh HTTP/1.1\r\nHost: a\r\nX: abcdefghijklmnop\r\n\r\n";
    for (std::size_t most = 1; most < bytes.size() + 3; ++most) {
      CAPTURE(most);
      HeadLimits limited;
      limited.bytes_max = most;
      HeadResult result = deliver_every_way(
          bytes, [&](std::string_view b, std::size_t seen) { return parse_request_head(b, seen, limited, head); });
      Reject expected = most < 24             ? Reject::target_too_long
                        : most < bytes.size() ? Reject::head_too_large
                                              : Reject::none;
      CHECK(to_string(result.reject) == to_string(expected));
    }
  }
  SUBCASE("bytes without an end") {
    CHECK(parse(std::string(limits::head_bytes_max - 1, 'A'), 0, head).status == HeadStatus::partial);
    CHECK(parse(std::string(limits::head_bytes_max, 'A'), limits::head_bytes_max - 1, head).reject ==
          Reject::target_too_long);
    std::string fields = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(limits::head_bytes_max, 'y');
    CHECK(parse(fields, 0, head).reject == Reject::head_too_large);
  }
  SUBCASE("target") {
    HeadLimits limited;
    limited.target_bytes_max = 9;
    auto of = [&](std::string_view bytes) { return parse_request_head(bytes, 0, limited, head).reject; };
    CHECK(of("GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n") == Reject::none);
    CHECK(of("GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n") == Reject::target_too_long);
    CHECK(of("GET /123456789HTTP/1.1\r\nHost: a\r\n\r\n") == Reject::target_too_long);
    CHECK(of("GET /1234567\r\nHost: a\r\n\r\n") == Reject::bad_request_line);
  }
  SUBCASE("connection options") {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nConnection: a";
    for (std::size_t i = 1; i < connection_options_max; ++i) bytes += ",a";
    CHECK(parse(bytes + "\r\n\r\n", 0, head).status == HeadStatus::complete);
    CHECK(parse(bytes + ",a\r\n\r\n", 0, head).reject == Reject::bad_connection);
    CHECK(parse(bytes + "\r\nConnection: a\r\n\r\n", 0, head).reject == Reject::bad_connection);
  }
}

TEST_CASE("a bad request line is told before the head has ended, and a good one waits") {
  RequestHead head;
  CHECK(parse("SSH-2.0-OpenSSH_9.2\r\n", 0, head).reject == Reject::bad_request_line);
  CHECK(parse("GET / HTTP/1.1\r\nHost : a\r\nX: y", 0, head).status == HeadStatus::partial);
  CHECK(parse("GET / HTTP/1.1\r\nHost : a\r\nX: y\r\n\r\n", 0, head).reject == Reject::space_before_colon);
  CHECK(parse("", 0, head).status == HeadStatus::partial);
  CHECK(parse("\r\n", 0, head).status == HeadStatus::partial);
}

TEST_CASE("each reason has a status and a name of its own") {
  struct {
    Reject reject;
    int status;
  } const rows[] = {
      {Reject::bare_lf, 400},         {Reject::bad_host, 400},
      {Reject::head_too_large, 431},  {Reject::too_many_fields, 431},
      {Reject::target_too_long, 414}, {Reject::unsupported_version, 505},
      {Reject::bad_version, 400},     {Reject::unknown_transfer_coding, 501},
      {Reject::bad_expectation, 417}, {Reject::content_length_with_transfer_encoding, 400},
      {Reject::bad_chunk_size, 400},  {Reject::trailer_too_large, 431},
  };
  for (const auto& row : rows) CHECK(status_of(row.reject) == row.status);
  for (int i = 0; i <= static_cast<int>(Reject::trailer_too_large); ++i) {
    for (int j = 0; j < i; ++j) CHECK(to_string(static_cast<Reject>(i)) != to_string(static_cast<Reject>(j)));
  }
}

}  // namespace
}  // namespace sluice::http
