#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "h2_client.hpp"
#include "http/h2_head.hpp"

namespace sluice::http {
namespace {

using namespace std::string_literals;
using h2::Fields;

struct Parsed {
  H2RequestText text;
  RequestHead head;
  HeadResult result;

  explicit Parsed(std::size_t bytes_max) : text(bytes_max) {}
};

std::unique_ptr<Parsed> parse(const Fields& fields, bool has_ended = true, const HeadLimits& limits = {}) {
  auto parsed = std::make_unique<Parsed>(limits.bytes_max);
  for (const auto& [name, value] : fields) parsed->text.add(name, value);
  parsed->text.finish();
  parsed->result = parse_h2_request_head(parsed->text, has_ended, limits, parsed->head);
  return parsed;
}

Fields with(Fields fields, const std::string& name, const std::string& value) {
  for (auto& [each, text] : fields) {
    if (each == name) {
      text = value;
      return fields;
    }
  }
  fields.emplace_back(name, value);
  return fields;
}

Fields without(Fields fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

TEST_CASE("http: a request of HTTP/2 is the same one for HTTP/1") {
  auto parsed = parse(h2::get("/a/b?c=d", {{"accept", "*/*"}, {"x-thing", "a\tb c"}}));
  REQUIRE(parsed->result.status == HeadStatus::complete);
  const RequestHead& head = parsed->head;
  CHECK(parsed->text.text() == "GET /a/b?c=d HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\nx-thing: a\tb c\r\n\r\n");
  CHECK(head.version == Version::http_2);
  CHECK(to_string(head.version) == "HTTP/2.0");
  CHECK(head.method == Method::get);
  CHECK(head.path == "/a/b");
  CHECK(head.query == "?c=d");
  CHECK(head.authority == "a.example");
  CHECK(head.framing == BodyFraming::none());
  CHECK(head.keep_alive);
  CHECK(head.upgrade == Upgrade::none);
}

TEST_CASE("http: what a body of HTTP/2 is framed by") {
  CHECK(parse(h2::post(), false)->head.framing == BodyFraming::chunked());
  CHECK(parse(h2::post({{"content-length", "5"}}), false)->head.framing == BodyFraming::of_length(5));
  CHECK(parse(h2::post({{"content-length", "0"}}), true)->head.framing == BodyFraming::of_length(0));
  CHECK(parse(h2::post({{"expect", "100-continue"}}), false)->head.expect_continue);
  CHECK_FALSE(parse(h2::post({{"expect", "100-continue"}}), true)->head.expect_continue);
}

TEST_CASE("http: pieces of a cookie are one field (RFC 9113 §8.2.3)") {
  auto parsed = parse(h2::get("/", {{"cookie", "a=1"}, {"accept", "x"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  REQUIRE(parsed->result.status == HeadStatus::complete);
  CHECK(parsed->head.fields.value_of(FieldId::cookie) == "a=1; b=2; c=3");
  CHECK_FALSE(parsed->head.fields.is_repeated(FieldId::cookie));
}

TEST_CASE("http: :authority and Host (RFC 9113 §8.3.1)") {
  CHECK(parse(h2::get("/", {{"host", "A.example"}}))->result.status == HeadStatus::complete);
  auto one = parse(with(without(h2::get(), ":authority"), "host", "b.example:81"));
  REQUIRE(one->result.status == HeadStatus::complete);
  CHECK(one->head.authority == "b.example:81");
  CHECK(parse(h2::get("/", {{"host", "a.example"}}))->head.fields.is_repeated(FieldId::host) == false);
}

TEST_CASE("http: OPTIONS *, CONNECT, te") {
  auto options = parse(with(with(h2::get(), ":method", "OPTIONS"), ":path", "*"));
  REQUIRE(options->result.status == HeadStatus::complete);
  CHECK(options->head.asks_about_server());
  auto connect = parse({{":method", "CONNECT"}, {":authority", "a.example:443"}});
  REQUIRE(connect->result.status == HeadStatus::complete);
  CHECK(connect->head.method == Method::connect);
  auto te = parse(h2::get("/", {{"te", "trailers"}}));
  REQUIRE(te->result.status == HeadStatus::complete);
  CHECK(te->head.connection.te);
}

struct Refused {
  const char* what;
  Fields fields;
  Reject reject;
};

TEST_CASE("http: requests of HTTP/2 that would be others in HTTP/1") {
  const Fields get = h2::get();
  const Refused refused[] = {
      {"CR LF in a value", h2::get("/", {{"a", "b\r\nc: d"}}), Reject::control_byte},
      {"LF in a value", h2::get("/", {{"a", "b\nc"}}), Reject::control_byte},
      {"CR in a value", h2::get("/", {{"a", "b\rc"}}), Reject::control_byte},
      {"NUL in a value", h2::get("/", {{"a", "b\0c"s}}), Reject::control_byte},
      {"DEL in a value", h2::get("/", {{"a", "b\x7f"}}), Reject::control_byte},
      {"CR LF in a name", h2::get("/", {{"a: b\r\nc", "d"}}), Reject::bad_field_name},
      {"colon in a name", h2::get("/", {{"a:b", "d"}}), Reject::bad_field_name},
      {"space in a name", h2::get("/", {{"a b", "d"}}), Reject::bad_field_name},
      {"NUL in a name", h2::get("/", {{"a\0b"s, "d"}}), Reject::bad_field_name},
      {"empty name", h2::get("/", {{"", "d"}}), Reject::bad_field_name},
      {"name with a capital", h2::get("/", {{"A", "d"}}), Reject::bad_field_name},
      {"CR LF in cookie", h2::get("/", {{"cookie", "a\r\nb: c"}}), Reject::control_byte},
      {"space in :path", with(get, ":path", "/ HTTP/1.1"), Reject::bad_target},
      {"CR LF in :path", with(get, ":path", "/ HTTP/1.1\r\nx: y"), Reject::bad_target},
      {"tab in :path", with(get, ":path", "/\tx"), Reject::bad_target},
      {"fragment in :path", with(get, ":path", "/a#b"), Reject::bad_target},
      {"NUL in :path", with(get, ":path", "/\0"s), Reject::bad_target},
      {"bytes above ASCII in :path", with(get, ":path", "/\xc3\xa4"), Reject::bad_target},
      {"empty :path", with(get, ":path", ""), Reject::bad_target},
      {"URL as :path", with(get, ":path", "http://b.example/"), Reject::bad_target},
      {":path without slash", with(get, ":path", "a"), Reject::bad_target},
      {"GET *", with(get, ":path", "*"), Reject::bad_target},
      {"no :path", without(get, ":path"), Reject::bad_request_line},
      {"no :scheme", without(get, ":scheme"), Reject::bad_request_line},
      {"no :method", without(get, ":method"), Reject::bad_method},
      {"space in :method", with(get, ":method", "GET /x"), Reject::bad_method},
      {"empty :method", with(get, ":method", ""), Reject::bad_method},
      {"CR LF in :method", with(get, ":method", "GET / HTTP/1.1\r\nx:"), Reject::bad_method},
      {"other :scheme", with(get, ":scheme", "ftp"), Reject::bad_target},
      {"CR LF in :scheme", with(get, ":scheme", "http\r\n"), Reject::bad_target},
      {"CR LF in :authority", with(get, ":authority", "a\r\nb: c"), Reject::bad_host},
      {"user in :authority", with(get, ":authority", "me@a.example"), Reject::bad_host},
      {"empty :authority", with(get, ":authority", ""), Reject::bad_host},
      {"path in :authority", with(get, ":authority", "a.example/b"), Reject::bad_host},
      {"no authority at all", without(get, ":authority"), Reject::missing_host},
      {"another Host", h2::get("/", {{"host", "b.example"}}), Reject::bad_host},
      {"Host with another port", h2::get("/", {{"host", "a.example:80"}}), Reject::bad_host},
      {"two Hosts",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}, {"host", "a"}},
       Reject::repeated_host},
      {":status", with(get, ":status", "200"), Reject::bad_field_name},
      {":protocol", with(get, ":protocol", "websocket"), Reject::bad_field_name},
      {"pseudo-header behind a field", h2::get("/", {{"a", "b"}, {":path", "/x"}}), Reject::bad_field_name},
      {"connection", h2::get("/", {{"connection", "close"}}), Reject::bad_connection},
      {"keep-alive", h2::get("/", {{"keep-alive", "5"}}), Reject::bad_connection},
      {"proxy-connection", h2::get("/", {{"proxy-connection", "close"}}), Reject::bad_connection},
      {"transfer-encoding", h2::get("/", {{"transfer-encoding", "chunked"}}), Reject::bad_connection},
      {"upgrade", h2::get("/", {{"upgrade", "h2c"}}), Reject::bad_connection},
      {"te with more", h2::get("/", {{"te", "trailers, gzip"}}), Reject::bad_connection},
      {"two lengths", h2::post({{"content-length", "1"}, {"content-length", "1"}}), Reject::repeated_content_length},
      {"length with a sign", h2::post({{"content-length", "+1"}}), Reject::bad_content_length},
      {"length list", h2::post({{"content-length", "1, 1"}}), Reject::bad_content_length},
      {"other expectation", h2::post({{"expect", "cookies"}}), Reject::bad_expectation},
      {"CONNECT with :path", with(get, ":method", "CONNECT"), Reject::bad_request_line},
      {"CONNECT without :authority", {{":method", "CONNECT"}}, Reject::missing_host},
      {"CONNECT without port", {{":method", "CONNECT"}, {":authority", "a.example"}}, Reject::bad_target},
  };
  for (const Refused& row : refused) {
    CAPTURE(row.what);
    auto parsed = parse(row.fields, false);
    CHECK(parsed->result.status == HeadStatus::rejected);
    CHECK(to_string(parsed->result.reject) == to_string(row.reject));
  }
}

TEST_CASE("http: pseudo-headers come once") {
  for (const char* name : {":method", ":scheme", ":authority", ":path"}) {
    CAPTURE(name);
    Fields fields = h2::get();
    for (const auto& [each, value] : h2::get()) {
      if (each == name) fields.emplace_back(each, value);
    }
    CHECK(parse(fields)->result.reject == Reject::bad_field_name);
  }
}

TEST_CASE("http: bounds of a head of HTTP/2") {
  HeadLimits limits;
  limits.bytes_max = 400;
  limits.target_bytes_max = 100;
  limits.fields_max = 5;
  const std::string long_text(400, 'a');
  CHECK(parse(h2::get("/", {{"a", std::string(200, 'b')}}), true, limits)->result.status == HeadStatus::complete);
  CHECK(parse(h2::get("/", {{"a", long_text}}), true, limits)->result.reject == Reject::head_too_large);
  CHECK(parse(h2::get("/", {{"cookie", long_text}}), true, limits)->result.reject == Reject::head_too_large);
  CHECK(parse(h2::get("/" + std::string(150, 'b')), true, limits)->result.reject == Reject::target_too_long);
  CHECK(parse(h2::get("/" + long_text), true, limits)->result.reject == Reject::target_too_long);
  CHECK(parse(with(h2::get(), ":authority", long_text), true, limits)->result.reject == Reject::head_too_large);
  CHECK(parse(with(h2::get(), ":method", long_text), true, limits)->result.reject == Reject::head_too_large);
  Fields many = h2::get();
  for (int i = 0; i < 5; ++i) many.emplace_back("a", "b");
  CHECK(parse(many, true, limits)->result.reject == Reject::too_many_fields);
}

TEST_CASE("http: fields of a head that was written for HTTP/1") {
  constexpr std::string_view written =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
      "Keep-Alive: 5\r\nUpgrade: x\r\nProxy-Connection: y\r\nX-Empty: \r\nVia: 1.1 a: b\r\n\r\nContent: no field";
  std::string seen;
  for_each_h2_field(written, [&](std::string_view name, std::string_view value) {
    seen += std::string(name) + "=" + std::string(value) + ";";
  });
  CHECK(seen == "Content-Type=text/plain;X-Empty=;Via=1.1 a: b;");
}

}  // namespace
}  // namespace sluice::http
