#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "delivery.hpp"
#include "http/parser.hpp"

namespace sluice::http {
namespace {

HeadResult every_way(std::string_view bytes, Method method = Method::get) {
  ResponseHead head;
  return deliver_every_way(
      bytes, [&](std::string_view b, std::size_t seen) { return parse_response_head(b, seen, {}, method, head); });
}

using namespace std::string_view_literals;

struct Refused {
  std::string_view bytes;
  Reject reject;
};

constexpr Refused refused[] = {
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", Reject::bad_status_line},
    {"\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 200 OK\n\r\n", Reject::bare_lf},
    {"HTTP/1.1 200 OK\r\nX: y\n\r\n", Reject::bare_lf},
    {"HTTP/1.1 200 OK\rX: y\r\n\r\n", Reject::bare_cr},
    {"HTTP/1.1 200 O\0K\r\n\r\n"sv, Reject::control_byte},
    {"HTTP/1.1 200 O\x7fK\r\n\r\n", Reject::control_byte},
    {"HTTP/1.1\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 \r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1  200 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1\t200 OK\r\n\r\n", Reject::bad_version},
    {"HTTP/1.1 20 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 2000 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 200OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 2x0 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 +20 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 099 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 600 OK\r\n\r\n", Reject::bad_status_line},
    {"HTTP/1.1 000 OK\r\n\r\n", Reject::bad_status_line},
    {"200 OK\r\n\r\n", Reject::bad_version},
    {"ICY 200 OK\r\n\r\n", Reject::bad_version},
    {"http/1.1 200 OK\r\n\r\n", Reject::bad_version},
    {"HTTP/1.2 200 OK\r\n\r\n", Reject::unsupported_version},
    {"HTTP/2.0 200 OK\r\n\r\n", Reject::unsupported_version},
    {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Reject::space_before_colon},
    {"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Reject::obs_fold},
    {"HTTP/1.1 200 OK\r\nX\r\n\r\n", Reject::bad_field_name},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", Reject::repeated_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", Reject::bad_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Reject::bad_content_length},
    {"HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n", Reject::bad_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"HTTP/1.1 204 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::content_length_with_transfer_encoding},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Reject::transfer_encoding_in_http_1_0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Reject::unknown_transfer_coding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Reject::bad_transfer_encoding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     Reject::bad_transfer_encoding},
    {"HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n", Reject::bad_connection},
};

TEST_CASE("a malformed response is refused") {
  for (const Refused& row : refused) {
    CAPTURE(std::string(row.bytes));
    HeadResult result = every_way(row.bytes);
    CHECK(to_string(result.status) == "rejected");
    CHECK(to_string(result.reject) == to_string(row.reject));
  }
}

struct Accepted {
  std::string_view bytes;
  Method method;
  int status;
  std::string_view reason;
  BodyFraming framing;
  bool keep_alive;
};

constexpr auto none = BodyFraming::none();
constexpr auto until_close = BodyFraming::until_close();
constexpr auto chunked = BodyFraming::chunked();

constexpr Accepted accepted[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Method::get, 200, "OK", BodyFraming::of_length(2), true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::post, 200, "OK", BodyFraming::of_length(0), true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n", Method::get, 200, "OK", chunked, true},
    {"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n", Method::get, 200, "", BodyFraming::of_length(2), true},
    {"HTTP/1.1 599\r\nContent-Length: 2\r\n\r\n", Method::get, 599, "", BodyFraming::of_length(2), true},
    {"HTTP/1.1 404 N\xc3\xb6t  Found\t\r\nContent-Length: 2\r\n\r\n", Method::get, 404, "N\xc3\xb6t  Found\t",
     BodyFraming::of_length(2), true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", Method::get, 200, "OK",
     BodyFraming::of_length(2), false},
    // RFC 9112 §6.3 rule 8
    {"HTTP/1.1 200 OK\r\n\r\n", Method::get, 200, "OK", until_close, false},
    {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", Method::get, 200, "OK", until_close, false},
    {"HTTP/1.0 200 OK\r\n\r\n", Method::get, 200, "OK", until_close, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", Method::get, 200, "OK", BodyFraming::of_length(2), false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n", Method::get, 200, "OK",
     BodyFraming::of_length(2), true},
    // rule 1
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Method::head, 200, "OK", none, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::head, 200, "OK", none, true},
    {"HTTP/1.1 200 OK\r\n\r\n", Method::head, 200, "OK", none, true},
    {"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", Method::get, 204, "No", none, true},
    {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get, 204, "No", none, true},
    {"HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\n", Method::get, 304, "Not", none, true},
    {"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", Method::get, 205, "Reset", BodyFraming::of_length(0), true},
    {"HTTP/1.1 100 Continue\r\n\r\n", Method::post, 100, "Continue", none, true},
    {"HTTP/1.1 103 Early\r\nContent-Length: 7\r\n\r\n", Method::get, 103, "Early", none, true},
    {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", Method::get, 101, "Switching", none,
     false},
    // rule 2
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Method::connect, 200, "OK", none, false},
    {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n", Method::connect, 403, "No", BodyFraming::of_length(2), true},
};

TEST_CASE("a valid response is taken apart") {
  for (const Accepted& row : accepted) {
    CAPTURE(std::string(row.bytes));
    HeadResult result = every_way(row.bytes, row.method);
    CHECK(to_string(result.reject) == "none");
    CHECK(to_string(result.status) == "complete");
    CHECK(result.consumed == row.bytes.size());
    ResponseHead head;
    CHECK(parse_response_head(row.bytes, 0, {}, row.method, head) == result);
    CHECK(head.status == row.status);
    CHECK(head.reason == row.reason);
    CHECK(to_string(head.framing.kind) == to_string(row.framing.kind));
    CHECK(head.framing == row.framing);
    CHECK(head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("only 1xx responses other than 101 are interim") {
  ResponseHead head;
  for (int status : {100, 102, 103, 199}) {
    head.status = status;
    CHECK(head.is_interim());
  }
  for (int status : {101, 200, 304, 599}) {
    head.status = status;
    CHECK(!head.is_interim());
  }
}

TEST_CASE("limits of a response head") {
  const std::string bytes = "HTTP/1.1 200 OK\r\nX: abcdefghijklmnop\r\nContent-Length: 0\r\n\r\n";
  ResponseHead head;
  for (std::size_t most = 1; most < bytes.size() + 3; ++most) {
    CAPTURE(most);
    HeadLimits limited;
    limited.bytes_max = most;
    HeadResult result = deliver_every_way(bytes, [&](std::string_view b, std::size_t seen) {
      return parse_response_head(b, seen, limited, Method::get, head);
    });
    CHECK(to_string(result.reject) == (most < bytes.size() ? "head_too_large" : "none"));
  }
  HeadLimits one;
  one.fields_max = 1;
  CHECK(parse_response_head(bytes, 0, one, Method::get, head).reject == Reject::too_many_fields);
}

}  // namespace
}  // namespace sluice::http
