#include "http/writer.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "http/parser.hpp"
#include "written.hpp"

namespace sluice::http {
namespace {

std::string forwarded_request(std::string_view bytes, const RequestForward& forward) {
  static RequestHead head;
  HeadResult result = parse_request_head(bytes, 0, {}, head);
  REQUIRE(to_string(result.reject) == "none");
  REQUIRE(result.status == HeadStatus::complete);
  RequestForward actual = forward;
  if (actual.path.empty()) actual.path = head.path;
  if (actual.query.empty()) actual.query = head.query;
  if (actual.host.empty()) actual.host = head.authority;
  if (actual.framing == BodyFraming::none()) actual.framing = head.framing;
  return written([&](Writer& out) { write_request_head(out, head, actual); });
}

std::string forwarded_response(std::string_view bytes, const ResponseForward& forward, Method method = Method::get) {
  static ResponseHead head;
  HeadResult result = parse_response_head(bytes, 0, {}, method, head);
  REQUIRE(to_string(result.reject) == "none");
  REQUIRE(result.status == HeadStatus::complete);
  return written([&](Writer& out) { write_response_head(out, head, forward); });
}

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST_CASE("every length is copied whole") {
  for (std::size_t size = 0; size < 200; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('!' + i % 90);
    std::string expected = text;
    expected.append("|").append(text).append(": ").append(text).append("\r\n");
    CHECK(written([&](Writer& out) {
            out.append(text);
            out.append('|');
            out.append_field(text, text);
          }) == expected);
  }
}

TEST_CASE("numbers") {
  auto decimal = [](std::uint64_t value) { return written([&](Writer& out) { out.append_decimal(value); }); };
  auto hex = [](std::uint64_t value) { return written([&](Writer& out) { out.append_hex(value); }); };
  CHECK(decimal(0) == "0");
  CHECK(decimal(UINT64_MAX) == "18446744073709551615");
  CHECK(hex(0) == "0");
  CHECK(hex(15) == "f");
  CHECK(hex(16) == "10");
  CHECK(hex(0x1f4) == "1f4");
  CHECK(hex(UINT64_MAX) == "ffffffffffffffff");
}

TEST_CASE("nothing is written behind a gap") {
  std::array<char, 4> room;
  Writer out(room);
  out.append("ab");
  out.append("too long");
  out.append("c");
  CHECK(out.overflowed());
  CHECK(out.text() == "ab");
}

RequestForward plain_forward() {
  RequestForward forward;
  forward.peer_address = forward.client_address = "192.0.2.7";
  forward.scheme = forward.client_scheme = "http";
  forward.request_id = "id-1";
  return forward;
}

// What plain_forward() has behind the fields that came.
const std::string ours =
    "Via: 1.1 sluice\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
    "X-Request-ID: id-1\r\n\r\n";

TEST_CASE("request fields: what goes on and what does not") {
  struct {
    std::string_view sent;  // behind Host
    std::string_view kept;
  } const rows[] = {
      {"", ""},
      {"X-A: 1\r\nx-b:  2  3 \r\nX-A: 4\r\nEmpty:\r\n", "X-A: 1\r\nx-b: 2  3\r\nX-A: 4\r\nEmpty: \r\n"},
      {"USER-agent: x\r\nCookie: a=b\r\nAuthorization: c\r\n", "USER-agent: x\r\nCookie: a=b\r\nAuthorization: c\r\n"},
      // hop-by-hop
      {"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n", ""},
      {"Connection: close\r\n", ""},
      {"Upgrade: websocket\r\nConnection: upgrade\r\n", ""},
      {"TE: gzip\r\nTrailer: X\r\n", ""},
      {"TE: trailers\r\n", ""},
      {"TE: gzip;q=1\r\nConnection: TE\r\n", ""},
      {"TE: deflate, Trailers\r\nConnection: te\r\n", "TE: trailers\r\nConnection: TE\r\n"},
      {"TE: gzip\r\nTE: trailers\r\nConnection: te\r\n", "TE: trailers\r\nConnection: TE\r\n"},
      // what Connection names
      {"Connection: X-Secret\r\nX-Secret: 1\r\nX-SECRET: 2\r\nX-Other: 3\r\n", "X-Other: 3\r\n"},
      {"X-A: 1\r\nConnection: close, x-a\r\nConnection: x-b\r\nX-B: 2\r\nX-AB: 3\r\n", "X-AB: 3\r\n"},
      {"Connection: Cookie, Accept\r\nCookie: a\r\nAccept: b\r\nX: c\r\n", "X: c\r\n"},
      {"Connection: Host, Via, Content-Length\r\nVia: 1.1 b\r\n", "Via: 1.1 b\r\n"},
      {"Connection: X-Request-ID, X-Forwarded-Proto\r\n", ""},
      {"Connection: close, X-Forwarded-For, X-Forwarded-Host, Transfer-Encoding, Upgrade, TE, Trailer, Date\r\n"
       "Date: now\r\nTE: trailers\r\nUpgrade: x\r\n",
       "Date: now\r\nTE: trailers\r\nConnection: TE\r\n"},
      // what anyone can claim
      {"Forwarded: for=1.2.3.4\r\nX-Request-ID: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
       "X-Forwarded-For: 1.2.3.4\r\n",
       ""},
      // Expect without a body
      {"Expect: 100-continue\r\n", ""},
      {"Via: 1.0 fred\r\n", "Via: 1.0 fred\r\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.sent));
    const std::string request = "GET /x?y HTTP/1.1\r\nHost: a\r\n" + std::string(row.sent) + "\r\n";
    CHECK(forwarded_request(request, plain_forward()) ==
          "GET /x?y HTTP/1.1\r\nHost: a\r\n" + std::string(row.kept) + ours);
  }
}

TEST_CASE("request framing is written anew") {
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\nX: y\r\n\r\n", plain_forward()) ==
        "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 7\r\n" + ours);
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", plain_forward()) ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + ours);
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n",
                          plain_forward()) ==
        "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n" + ours);
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 7\r\n\r\n",
                          plain_forward()) ==
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 7\r\n" + ours);
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 7\r\n\r\n",
                          plain_forward()) == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n" + ours);
}

TEST_CASE("the request line and Host are ours") {
  RequestForward forward = plain_forward();
  forward.path = "/new/path";
  forward.query = "?q";
  forward.host = "upstream.internal";
  CHECK(forwarded_request("PURGE http://b/old HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n", forward) ==
        "PURGE /new/path?q HTTP/1.1\r\nHost: upstream.internal\r\nX: y\r\nVia: 1.1 sluice\r\n"
        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nX-Request-ID: id-1\r\n\r\n");
  forward = plain_forward();
  forward.host = "u";
  CHECK(forwarded_request("GET / HTTP/1.0\r\n\r\n", forward) ==
        "GET / HTTP/1.1\r\nHost: u\r\nVia: 1.0 sluice\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
        "X-Request-ID: id-1\r\n\r\n");
}

// The lines of a forwarded request behind "Via".
std::string origin_lines(std::string_view sent, const RequestForward& forward, std::string_view host = "a") {
  const std::string begin = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n";
  const std::string text = forwarded_request(begin + std::string(sent) + "\r\n", forward);
  constexpr std::string_view via = "Via: 1.1 sluice\r\n";
  REQUIRE(text.starts_with(begin + std::string(via)));
  return text.substr(begin.size() + via.size());
}

RequestForward forward_of(std::string_view peer, std::string_view client) {
  RequestForward forward;
  forward.peer_address = peer;
  forward.client_address = client;
  forward.peer_name = "_unix";
  forward.scheme = "http";
  forward.client_scheme = "https";
  forward.writes_forwarded = true;
  return forward;
}

TEST_CASE("where a request of a stranger comes from is written anew") {
  struct {
    std::string_view sent;
    std::string_view peer;
    std::string_view forwarded_for;
    std::string_view forwarded;
  } const rows[] = {
      {"", "192.0.2.7", "X-Forwarded-For: 192.0.2.7\r\n", "for=192.0.2.7"},
      {"", "2001:db8::1", "X-Forwarded-For: 2001:db8::1\r\n", "for=\"[2001:db8::1]\""},
      {"", "", "", "for=_unix"},
      {"x-forwarded-for: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-FORWARDED-FOR: 4.4.4.4\r\n", "192.0.2.7",
       "X-Forwarded-For: 192.0.2.7\r\n", "for=192.0.2.7"},
      {"X-Forwarded-For: 1.1.1.1\r\nConnection: X-Forwarded-For\r\n", "", "", "for=_unix"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.sent));
    for (HopField field : {HopField::x_forwarded_for, HopField::forwarded}) {
      RequestForward forward = forward_of(row.peer, row.peer);
      forward.client_scheme = "http";
      forward.hop_field = field;
      CHECK(origin_lines(row.sent, forward) == std::string(row.forwarded_for) +
                                                   "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nForwarded: " +
                                                   std::string(row.forwarded) + ";host=a;proto=http\r\n\r\n");
    }
  }
  RequestForward forward = forward_of("192.0.2.7", "192.0.2.7");
  CHECK(
      origin_lines("", forward, "[::1]:80").ends_with("Forwarded: for=192.0.2.7;host=\"[::1]:80\";proto=http\r\n\r\n"));
  forward.writes_forwarded = false;
  CHECK(origin_lines("Forwarded: for=1.1.1.1\r\n", forward) ==
        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n\r\n");
}

TEST_CASE("a trusted peer's list is appended to, and what it says of the client is kept") {
  struct {
    std::string_view sent;
    HopField field;
    std::string_view forwarded_for;
    std::string_view forwarded;
  } const rows[] = {
      {"X-Forwarded-For: 1.1.1.1\r\nForwarded: for=9.9.9.9\r\n", HopField::x_forwarded_for,
       "X-Forwarded-For: 1.1.1.1, 10.0.0.1\r\n", "for=1.1.1.1, for=10.0.0.1"},
      {"x-forwarded-for: 3.3.3.3, 1.1.1.1\r\nX-FORWARDED-FOR: 10.0.0.2\r\nX-Forwarded-For:\r\n",
       HopField::x_forwarded_for, "X-Forwarded-For: 3.3.3.3, 1.1.1.1, 10.0.0.2, 10.0.0.1\r\n",
       "for=1.1.1.1, for=10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1\r\nConnection: X-Forwarded-For\r\n", HopField::x_forwarded_for,
       "X-Forwarded-For: 1.1.1.1, 10.0.0.1\r\n", "for=1.1.1.1, for=10.0.0.1"},
      {"Forwarded: for=1.1.1.1;proto=https\r\nForwarded: for=10.0.0.2\r\nX-Forwarded-For: 9.9.9.9\r\n",
       HopField::forwarded, "X-Forwarded-For: 1.1.1.1, 10.0.0.1\r\n",
       "for=1.1.1.1;proto=https, for=10.0.0.2, for=10.0.0.1"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.sent));
    RequestForward forward = forward_of("10.0.0.1", "1.1.1.1");
    forward.is_trusted_peer = true;
    forward.hop_field = row.field;
    CHECK(origin_lines(row.sent, forward) == std::string(row.forwarded_for) +
                                                 "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nForwarded: " +
                                                 std::string(row.forwarded) + ";host=a;proto=http\r\n\r\n");
  }
  RequestForward forward = forward_of("", "1.1.1.1");
  forward.is_trusted_peer = true;
  CHECK(origin_lines("X-Forwarded-For: 1.1.1.1\r\n", forward).starts_with("X-Forwarded-For: 1.1.1.1\r\n"));
}

TEST_CASE("X-Forwarded-Proto and -Host of a trusted peer stay, but for repeated ones and beside Forwarded") {
  constexpr std::string_view claims = "X-Forwarded-Proto: wss\r\nX-Forwarded-Host: b\r\n";
  auto tail = [&](std::string_view sent, HopField field, bool is_trusted) {
    RequestForward forward = plain_forward();
    forward.is_trusted_peer = is_trusted;
    forward.hop_field = field;
    return forwarded_request("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(sent) + "\r\n", forward);
  };
  CHECK(tail(claims, HopField::x_forwarded_for, true) ==
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: wss\r\nX-Forwarded-Host: b\r\nVia: 1.1 sluice\r\n"
        "X-Forwarded-For: 192.0.2.7\r\nX-Request-ID: id-1\r\n\r\n");
  const std::string replaced = "GET / HTTP/1.1\r\nHost: a\r\n" + ours;
  CHECK(tail("", HopField::x_forwarded_for, true) == replaced);
  CHECK(tail(claims, HopField::x_forwarded_for, false) == replaced);
  CHECK(tail(claims, HopField::forwarded, true) == replaced);
  CHECK(tail(std::string(claims) + std::string(claims), HopField::x_forwarded_for, true) == replaced);
}

TEST_CASE("identity fields are for trusted peers, and their lookalikes for nobody") {
  FieldNames identity;
  for (std::string_view name : {"X-Real-IP", "X-User", "X-Forwarded-For"}) identity.add(name);
  constexpr std::string_view sent =
      "X-Real-IP: 1\r\nx-user: 2\r\nX_User: 3\r\nX_Real-IP: 4\r\nX_Forwarded_For: 5\r\nX-Users: 6\r\nUser-Agent: 7\r\n";
  auto kept = [&](bool is_trusted, std::string_view connection) {
    RequestForward forward = plain_forward();
    forward.is_trusted_peer = is_trusted;
    forward.identity = &identity;
    const std::string text = forwarded_request(
        "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(connection) + std::string(sent) + "\r\n", forward);
    const std::size_t begin = text.find("Host: a\r\n") + 9;
    return text.substr(begin, text.find("Via: ") - begin);
  };
  CHECK(kept(false, "") == "X-Users: 6\r\nUser-Agent: 7\r\n");
  CHECK(kept(true, "") == "X-Real-IP: 1\r\nx-user: 2\r\nX-Users: 6\r\nUser-Agent: 7\r\n");
  CHECK(kept(true, "Connection: X-User, X-Real-IP, X-Users\r\n") == "X-Real-IP: 1\r\nx-user: 2\r\nUser-Agent: 7\r\n");
}

TEST_CASE("Max-Forwards is written anew where that is asked for") {
  RequestForward forward = plain_forward();
  const std::string request = "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 07\r\n\r\n";
  CHECK(forwarded_request(request, forward) == "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 07\r\n" + ours);
  forward.max_forwards = 6;
  CHECK(forwarded_request(request, forward) == "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 6\r\n" + ours);
}

TEST_CASE("edits have the last word in a request, but not over its framing") {
  FieldEdits edits;
  auto text = [](std::string_view value) { return TextTemplate::parse(value).value(); };
  Variables variables;
  variables.set(Variable::client, "192.0.2.7");
  edits.set("X-Real-IP", text("{client}"));
  edits.set("x-a", text("1"));
  edits.add("X-B", text("2"));
  edits.remove("Cookie");
  edits.remove("X-Gone");
  for (std::string_view name : {"Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-ID"}) {
    edits.remove(name);
  }
  RequestForward forward = plain_forward();
  forward.changes = {&edits, &variables};
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nX-A: 0\r\nX-B: 0\r\nX_Gone: 3\r\nX-GONE: 4\r\nCookie: c\r\n"
                          "Connection: X-B, x-a\r\nX-Real-IP: 1.1.1.1\r\nContent-Length: 2\r\n\r\n",
                          forward) ==
        "POST / HTTP/1.1\r\nHost: a\r\nX_Gone: 3\r\nContent-Length: 2\r\nX-Real-IP: 192.0.2.7\r\nx-a: 1\r\nX-B: "
        "2\r\n\r\n");
}

TEST_CASE("the upstream's Connection follows the policy") {
  RequestForward forward = plain_forward();
  forward.connection = ConnectionPolicy::close;
  CHECK(forwarded_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n", forward) ==
        "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n" + ours);
  forward.connection = ConnectionPolicy::upgrade;
  CHECK(forwarded_request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, X\r\nX: "
                          "y\r\nSec-WebSocket-Key: k\r\n\r\n",
                          forward) ==
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nConnection: upgrade\r\n" + ours);
  forward.connection = ConnectionPolicy::keep_alive;
  CHECK(forwarded_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", forward) ==
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n" + ours);
}

ResponseForward response_forward(const BodyFraming& framing, ConnectionPolicy policy = ConnectionPolicy::implied) {
  ResponseForward forward;
  forward.date = date;
  forward.request_id = "id-1";
  forward.framing = framing;
  forward.connection = policy;
  return forward;
}

TEST_CASE("responses") {
  const std::string dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  const std::string tail = "Via: 1.1 sluice\r\nX-Request-ID: id-1\r\n\r\n";
  struct {
    std::string_view received;
    Method method;
    ResponseForward forward;
    std::string sent;
  } const rows[] = {
      {"HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 02\r\n\r\n", Method::get,
       response_forward(BodyFraming::of_length(2)),
       "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 2\r\n" + dated + tail},
      {"HTTP/1.1 200\r\nDATE: then\r\nContent-Length: 2\r\n\r\n", Method::get,
       response_forward(BodyFraming::of_length(2)), "HTTP/1.1 200 \r\nDATE: then\r\nContent-Length: 2\r\n" + tail},
      {"HTTP/1.1 200 OK\r\nDate: then\r\nConnection: date\r\nContent-Length: 2\r\n\r\n", Method::get,
       response_forward(BodyFraming::of_length(2)), "HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 2\r\n" + tail},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nX-Request-ID: theirs\r\nServer: s\r\n\r\n",
       Method::get, response_forward(BodyFraming::chunked()),
       "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nServer: s\r\nTransfer-Encoding: chunked\r\n" + dated + tail},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n", Method::get,
       response_forward(BodyFraming::until_close(), ConnectionPolicy::close),
       "HTTP/1.1 200 OK\r\nConnection: close\r\n" + dated + tail},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
       "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
       Method::get, response_forward(BodyFraming::of_length(2), ConnectionPolicy::keep_alive),
       "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\nConnection: keep-alive\r\n" + dated +
           "Via: 1.0 sluice\r\nX-Request-ID: id-1\r\n\r\n"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Method::head, response_forward(BodyFraming::none()),
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + dated + tail},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::head, response_forward(BodyFraming::none()),
       "HTTP/1.1 200 OK\r\n" + dated + tail},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", Method::get, response_forward(BodyFraming::none()),
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n" + dated + tail},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", Method::get, response_forward(BodyFraming::none()),
       "HTTP/1.1 204 No Content\r\n" + dated + tail},
      {"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n", Method::post, response_forward(BodyFraming::none()),
       "HTTP/1.1 100 Continue\r\n\r\n"},
      {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n", Method::get,
       response_forward(BodyFraming::none()), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\n",
       Method::get, response_forward(BodyFraming::none(), ConnectionPolicy::upgrade),
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" + dated + tail},
      {"HTTP/1.1 426 Upgrade\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", Method::get,
       response_forward(BodyFraming::of_length(0)), "HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\n" + dated + tail},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.received));
    CHECK(forwarded_response(row.received, row.forward, row.method) == row.sent);
  }
}

TEST_CASE("chunks") {
  FieldList trailers;
  trailers.add("X-Sum", "7");
  trailers.add("Content-Length", "5");
  trailers.add("host", "a");
  CHECK(written([&](Writer& out) {
          write_chunk_begin(out, 0x1f4);
          out.append("...");
          write_chunk_end(out);
          write_last_chunk(out, trailers);
        }) == "1f4\r\n...\r\n0\r\nX-Sum: 7\r\n\r\n");
  CHECK(written([](Writer& out) { write_last_chunk(out, FieldList()); }) == "0\r\n\r\n");
}

TEST_CASE("edits have the last word in a final response") {
  FieldEdits edits;
  auto text = [](std::string_view value) { return TextTemplate::parse(value).value(); };
  const Variables variables;
  edits.set("Server", text("s"));
  edits.add("Set-Cookie", text("b"));
  for (std::string_view name : {"Via", "Date", "X-Request-ID", "X-Powered-By"}) edits.remove(name);
  ResponseForward forward = response_forward(BodyFraming::of_length(2));
  forward.changes = {&edits, &variables};
  CHECK(forwarded_response(
            "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a\r\nVia: 1.1 b\r\nX-Powered-By: p\r\nServer: y\r\n"
            "Content-Length: 2\r\n\r\n",
            forward) == "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length: 2\r\nServer: s\r\nSet-Cookie: b\r\n\r\n");
  forward.framing = BodyFraming::none();
  CHECK(forwarded_response("HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n", forward) ==
        "HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n");
}

}  // namespace
}  // namespace sluice::http
