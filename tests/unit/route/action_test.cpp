#include "route/action.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace sluice::route {
namespace {

TEST_CASE("where a redirect leads") {
  struct {
    Redirect redirect;
    std::string_view scheme;
    std::string_view authority;
    std::string_view location;  // but for "/p?q"
  } const rows[] = {
      {{.scheme = "https"}, "http", "a.example", "https://a.example"},
      {{.scheme = "https"}, "http", "a.example:8080", "https://a.example"},
      {{.scheme = "http"}, "https", "a.example:8443", "http://a.example"},
      {{.scheme = "https", .port = 8443}, "http", "a.example:8080", "https://a.example:8443"},
      {{.scheme = "https", .port = 443}, "http", "a.example:8080", "https://a.example"},
      {{.scheme = "http", .port = 443}, "http", "a.example", "http://a.example:443"},
      {{.host = "b.example"}, "http", "a.example", "http://b.example"},
      {{.host = "b.example"}, "https", "a.example:8443", "https://b.example:8443"},
      {{.host = "b.example"}, "https", "", "https://b.example"},
      {{.port = 81}, "http", "a.example:80", "http://a.example:81"},
      {{.port = 80}, "http", "a.example:81", "http://a.example"},
      {{}, "http", "a.example:80", "http://a.example"},
      {{}, "https", "a.example:80", "https://a.example:80"},
      {{.scheme = "https"}, "http", "[::1]:8080", "https://[::1]"},
      {{}, "http", "[::1]:8080", "http://[::1]:8080"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.location));
    const http::Authority host = http::parse_authority(row.authority).value_or(http::Authority{});
    std::array<char, 256> memory;
    http::Writer out(memory);
    write_location(out, row.redirect, {.scheme = row.scheme, .host = host, .path = "/p", .query = "?q"});
    REQUIRE(!out.overflowed());
    CHECK(out.text() == std::string(row.location) + "/p?q");
    CHECK(out.size() <= location_bytes_max(row.redirect, row.authority.size() + 4));
  }
}

TEST_CASE("a path of two slashes is no host") {
  std::array<char, 256> memory;
  http::Writer out(memory);
  write_location(out, {}, {.scheme = "http", .host = {"a", {}}, .path = "//evil.example/", .query = {}});
  CHECK(out.text() == "http://a//evil.example/");
}

TEST_CASE("actions have names") {
  CHECK(to_string(Action::forward) == "forward");
  CHECK(to_string(Action::redirect) == "redirect");
  CHECK(to_string(Action::respond) == "respond");
}

}  // namespace
}  // namespace sluice::route
