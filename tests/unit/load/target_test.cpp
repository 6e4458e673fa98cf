#include "../../../tools/load/target.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using load::parse_url;
using load::Url;

TEST_CASE("load: URLs") {
  struct Row {
    std::string_view text;
    Url url;
  };
  const Row rows[] = {
      {"http://a.example", {"a.example", "a.example", 80, "/"}},
      {"http://a.example/", {"a.example", "a.example", 80, "/"}},
      {"http://127.0.0.1:8080/a/b?c=d&e=/?", {"127.0.0.1:8080", "127.0.0.1", 8080, "/a/b?c=d&e=/?"}},
      {"http://[::1]:81?x", {"[::1]:81", "::1", 81, "/?x"}},
      {"http://[2001:db8::1]/%2F", {"[2001:db8::1]", "2001:db8::1", 80, "/%2F"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto url = parse_url(row.text);
    REQUIRE(url.has_value());
    CHECK(*url == row.url);
  }
}

TEST_CASE("load: URLs that are refused, with a reason") {
  const std::string long_target = "http://a/" + std::string(9000, 'x');
  const std::string_view rows[] = {"",
                                   "a.example",
                                   "https://a.example",
                                   "HTTP://a",
                                   "http://",
                                   "http:///path",
                                   "http://a:0",
                                   "http://a:70000",
                                   "http://a:x",
                                   "http://user@a",
                                   "http://u:p@a/",
                                   "http://a/#part",
                                   "http://a b",
                                   "http://a/b c",
                                   "http://a/\"",
                                   "http://[::1",
                                   "http://::1/",
                                   "http://a/\x7f",
                                   "http://a?b#c",
                                   "http://a/\r\nX: y",
                                   "unix:/run/x.sock",
                                   long_target,
                                   "http://a/\xc3\xa4",
                                   "http://a:"};
  for (std::string_view text : rows) {
    CAPTURE(text);
    const auto url = parse_url(text);
    CHECK_FALSE(url.has_value());
    if (!url) CHECK_FALSE(url.error().empty());
  }
}

TEST_CASE("load: weights") {
  CHECK(load::parse_weighted("http://a") == load::WeightedUrl{1, "http://a"});
  CHECK(load::parse_weighted("3@http://a") == load::WeightedUrl{3, "http://a"});
  CHECK(load::parse_weighted("1000@http://a") == load::WeightedUrl{1000, "http://a"});
  CHECK(load::parse_weighted("@http://a") == load::WeightedUrl{1, "@http://a"});  // refused as a URL
  for (std::string_view text : {"0@http://a", "1001@http://a", "99999999999999999999@http://a"}) {
    CAPTURE(text);
    CHECK_FALSE(load::parse_weighted(text).has_value());
  }
}

TEST_CASE("load: header lines") {
  for (std::string_view line : {"A: b", "Host: x", "X-Y:", "X:\tz", "Accept: */*"}) {
    CAPTURE(line);
    CHECK_FALSE(load::header_problem(line).has_value());
  }
  for (std::string_view line : {"", "A", ": b", "A b: c", "A : b", "A: b\r\nC: d", "A: \n", "Content-Length: 5",
                                "transfer-encoding: chunked", "CONNECTION: close", "\xc3: x"}) {
    CAPTURE(line);
    CHECK(load::header_problem(line).has_value());
  }
}

TEST_CASE("load: the bytes of a request") {
  const Url url = *parse_url("http://a.example:81/x?y");
  load::RequestShape shape;
  CHECK(load::write_request(url, shape) == "GET /x?y HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
  shape.headers = {"hOST:  other ", "X-A:b"};
  shape.keep_alive = false;
  CHECK(load::write_request(url, shape) == "GET /x?y HTTP/1.1\r\nhOST: other\r\nX-A: b\r\nConnection: close\r\n\r\n");
  shape = {};
  shape.method = "PUT";
  shape.announces_body = true;
  CHECK(load::write_request(url, shape) == "PUT /x?y HTTP/1.1\r\nHost: a.example:81\r\nContent-Length: 0\r\n\r\n");
  shape.body = "abc";
  CHECK(load::write_request(url, shape) == "PUT /x?y HTTP/1.1\r\nHost: a.example:81\r\nContent-Length: 3\r\n\r\nabc");
}
