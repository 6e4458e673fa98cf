#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "http/uri.hpp"

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

TEST_CASE("valid authorities") {
  struct {
    std::string_view text;
    std::string_view host;
    std::optional<std::uint16_t> port;
  } const rows[] = {
      {"a", "a", {}},
      {"Example.COM", "Example.COM", {}},
      {"a.b.", "a.b.", {}},
      {"a-b_c.d:80", "a-b_c.d", 80},
      {"a:1", "a", 1},
      {"a:65535", "a", 65535},
      {"127.0.0.1:8080", "127.0.0.1", 8080},
      {"[::]", "[::]", {}},
      {"[::1]:443", "[::1]", 443},
      {"[1::]", "[1::]", {}},
      {"[2001:db8::1]", "[2001:db8::1]", {}},
      {"[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", {}},
      {"[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", {}},
      {"[::2:3:4:5:6:7:8]", "[::2:3:4:5:6:7:8]", {}},
      {"[ABCD:ef01:2345:6789:abcd:EF01:2345:6789]:9", "[ABCD:ef01:2345:6789:abcd:EF01:2345:6789]", 9},
      {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", {}},
      {"[1:2:3:4:5:6:1.2.3.255]", "[1:2:3:4:5:6:1.2.3.255]", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    std::optional<Authority> authority = parse_authority(row.text);
    REQUIRE(authority.has_value());
    CHECK(authority->host == row.host);
    CHECK(authority->port == row.port);
  }
}

constexpr std::string_view invalid_authorities[] = {
    "",
    " ",
    "a ",
    " a",
    "a b",
    "a\tb",
    "a,b",
    "a;b",
    "a/b",
    "a?b",
    "a#b",
    "a\\b",
    "a@b",
    "u:p@b",
    "a%41",
    "a*b",
    "a$b",
    "a!b",
    "a(b",
    "a'b",
    "a\"b",
    "a<b",
    "a|b",
    "a^b",
    "a~b",
    "a+b",
    "a=b",
    "a&b",
    "\xc3\xa9",
    "a\0b"sv,
    "a\x7f",
    // dots
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    // ports
    ":",
    ":80",
    "a:",
    "a:0",
    "a:080",
    "a:65536",
    "a:99999",
    "a:123456",
    "a:-1",
    "a:+1",
    "a:8 0",
    "a: 80",
    "a:80 ",
    "a:x",
    "a:80:80",
    "a:80a",
    "a:\xd9\xa1",
    // IPv6
    "::1",
    "1::2",
    "[",
    "]",
    "[]",
    "[:]",
    "[:::]",
    "[::1",
    "::1]",
    "[::1]a",
    "[::1]80",
    "[::1]:",
    "[::1]:x",
    "[::1]]",
    "[[::1]]",
    "[1]",
    "[1:2]",
    "[1:2:3:4:5:6:7]",
    "[1:2:3:4:5:6:7:8:9]",
    "[1:2:3:4:5:6:7:8::]",
    "[::1:2:3:4:5:6:7:8]",
    "[1::2::3]",
    "[12345::]",
    "[g::]",
    "[::1%eth0]",
    "[::1%25eth0]",
    "[fe80::1%]",
    "[v1.a]",
    "[:1::]",
    "[1:]",
    "[::1:]",
    "[::1.2.3]",
    "[::1.2.3.4.5]",
    "[::256.1.1.1]",
    "[::01.1.1.1]",
    "[::1.1.1.]",
    "[::.1.1.1]",
    "[1.2.3.4]",
    "[1:2:3:4:5:6:7:1.2.3.4]",
    "[1:2:3:4:5:1.2.3.4]",
    "[::1.2.3.4:1]",
    "[::1:2:3:4:5:6:1.2.3.4]",
    "[ ::1]",
    "[::1 ]",
    "[::1]\t",
    "a[::1]",
};

TEST_CASE("invalid authorities") {
  for (std::string_view row : invalid_authorities) {
    CAPTURE(std::string(row));
    CHECK(!parse_authority(row).has_value());
  }
  CHECK(parse_authority(std::string(host_bytes_max, 'a')).has_value());
  CHECK(!parse_authority(std::string(host_bytes_max + 1, 'a')).has_value());
}

TEST_CASE("hosts compare in lower case and without the last dot") {
  std::array<char, host_bytes_max> out;
  CHECK(lower_host("Api.EXAMPLE.com", out) == "api.example.com");
  CHECK(lower_host("a.b.", out) == "a.b");
  CHECK(lower_host("[ABCD::]", out) == "[abcd::]");
  CHECK(lower_host("a_b-C1", out) == "a_b-c1");
}

struct Path {
  std::string_view from;
  std::string_view to;
};

constexpr Path paths[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/", "/a/"},
    {"//", "/"},
    {"//a///b", "/a/b"},
    {"/a//", "/a/"},
    {"///", "/"},
    {"/a//%2e//b/", "/a/b/"},
    {"/a.b/c..d/...", "/a.b/c..d/..."},
    {"/.well-known/x", "/.well-known/x"},
    {"/..a", "/..a"},
    {"/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@"},
    // dot segments
    {"/.", "/"},
    {"/./", "/"},
    {"/a/.", "/a/"},
    {"/a/./b", "/a/b"},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/../b", "/b"},
    {"/a/b/..", "/a/"},
    {"/a/b/../c", "/a/c"},
    {"/a/b/../../c", "/c"},
    {"/a/b/c/./../../g", "/a/g"},
    {"/a//../b", "/b"},
    {"/a/b//..", "/a/"},
    {"/a/...", "/a/..."},
    // escaped ones too
    {"/a/%2e", "/a/"},
    {"/a/%2E%2e/b", "/b"},
    {"/a/.%2e/b", "/b"},
    {"/a/%2e./b", "/b"},
    {"/a/%2e%2e%2e", "/a/..."},
    // escapes
    {"/%61", "/a"},
    {"/%7euser", "/~user"},
    {"/%41%5a%30%2d%5f", "/AZ0-_"},
    {"/a%2fb", "/a%2Fb"},
    {"/a%2Fb", "/a%2Fb"},
    {"/a%2f%2fb", "/a%2F%2Fb"},
    {"/a%2f..b", "/a%2F..b"},
    {"/a..%2fb", "/a..%2Fb"},
    {"/a%5cb", "/a%5Cb"},
    {"/a;x=1/b;..", "/a;x=1/b;.."},
    {"/;/..a;", "/;/..a;"},
    {"/...;x", "/...;x"},
    {"/%252e%252e%252fb", "/%252e%252e%252fb"},
    {"/%c3%a9", "/%C3%A9"},
    {"/%20%22%3c%5c", "/%20%22%3C%5C"},
    {"/%3f%23", "/%3F%23"},
    {"/%25", "/%25"},
    {"/%252e%252e", "/%252e%252e"},
    {"/%ff", "/%FF"},
    // other encodings than UTF-8, and UTF-8 as short as it can be
    {"/%e9%20", "/%E9%20"},
    {"/%c0", "/%C0"},
    {"/%c0x%af", "/%C0x%AF"},
    {"/%c0/%af", "/%C0/%AF"},
    {"/%c2%80", "/%C2%80"},
    {"/%e0%a0%80", "/%E0%A0%80"},
    {"/%f0%90%80%80", "/%F0%90%80%80"},
};

TEST_CASE("paths are normalised") {
  std::array<char, 128> out;
  for (const Path& row : paths) {
    CAPTURE(std::string(row.from));
    auto path = normalize_path(row.from, out);
    REQUIRE(path.has_value());
    CHECK(*path == row.to);
    // What is normal stays as it is.
    std::array<char, 128> again;
    CHECK(*normalize_path(row.to, again) == row.to);
    // It never needs more room than it came with.
    std::string exact(row.from.size(), 'x');
    CHECK(*normalize_path(row.from, exact) == row.to);
  }
  std::string_view plain = "/plain/path";
  CHECK(normalize_path(plain, {})->data() == plain.data());
}

TEST_CASE("slashes in a row are kept where they are to be") {
  std::array<char, 64> out;
  constexpr Path kept[] = {{"//", "//"},          {"//a///b", "//a///b"}, {"/a//../b", "/a/b"}, {"//..", "/"},
                           {"/a/b//..", "/a/b/"}, {"/%61//%62", "/a//b"}, {"/a//./b", "/a//b"}, {"//../a", "/a"}};
  for (const Path& row : kept) {
    CAPTURE(std::string(row.from));
    auto path = normalize_path(row.from, out, {.merge_slashes = false});
    REQUIRE(path.has_value());
    CHECK(*path == row.to);
  }
  CHECK(normalize_path("//../..", out, {.merge_slashes = false}).error() == PathError::above_root);
  CHECK(normalize_path("//..", out).error() == PathError::above_root);
}

TEST_CASE("paths that are refused") {
  struct {
    std::string_view path;
    PathError error;
  } const rows[] = {
      {"", PathError::not_absolute},
      {"a", PathError::not_absolute},
      {"*", PathError::not_absolute},
      {"../a", PathError::not_absolute},
      {"%2fa", PathError::not_absolute},
      {"/%", PathError::bad_escape},
      {"/%4", PathError::bad_escape},
      {"/a%4/", PathError::bad_escape},
      {"/%4g", PathError::bad_escape},
      {"/%g4", PathError::bad_escape},
      {"/%%41", PathError::bad_escape},
      {"/%+1", PathError::bad_escape},
      {"/%u0041", PathError::bad_escape},
      {"/%00", PathError::encoded_control},
      {"/a%0d%0aX:%20y", PathError::encoded_control},
      {"/%1f", PathError::encoded_control},
      {"/%09", PathError::encoded_control},
      {"/%7F", PathError::encoded_control},
      {"/..", PathError::above_root},
      {"/../", PathError::above_root},
      {"/../a", PathError::above_root},
      {"/a/../..", PathError::above_root},
      {"/a/../../b", PathError::above_root},
      {"/%2e%2e", PathError::above_root},
      {"/./..", PathError::above_root},
      {"/a/%2e%2E/%2e./b", PathError::above_root},
      // what only others would take for dot segments
      {"/a/..%2fb", PathError::hidden_dots},
      {"/a%2f..%2fb", PathError::hidden_dots},
      {"/a%2f..", PathError::hidden_dots},
      {"/a%2f.", PathError::hidden_dots},
      {"/.%2fa", PathError::hidden_dots},
      {"/%2e%2e%2Fa", PathError::hidden_dots},
      {"/a/..%5cb", PathError::hidden_dots},
      {"/a%5c..%5cb", PathError::hidden_dots},
      {"/a%5C%2e.", PathError::hidden_dots},
      {"/a/..;/b", PathError::hidden_dots},
      {"/a/..;x=1/b", PathError::hidden_dots},
      {"/a/.;/b", PathError::hidden_dots},
      {"/%2e%2e;", PathError::hidden_dots},
      {"/a%2f..;x%2fb", PathError::hidden_dots},
      // UTF-8 for '/', '.', '\\', "ä" and others in more bytes than it takes
      {"/..%c0%af", PathError::overlong_utf8},
      {"/%c0%ae%c0%ae/a", PathError::overlong_utf8},
      {"/%C1%9C", PathError::overlong_utf8},
      {"/%e0%80%af", PathError::overlong_utf8},
      {"/%e0%83%a4", PathError::overlong_utf8},
      {"/%f0%80%80%ae", PathError::overlong_utf8},
      {"/a b", PathError::bad_byte},
      {"/a?b", PathError::bad_byte},
      {"/a#b", PathError::bad_byte},
      {"/a\\b", PathError::bad_byte},
      {"/[a]", PathError::bad_byte},
      {"/a\0"sv, PathError::bad_byte},
      {"/\xc3\xa9", PathError::bad_byte},
  };
  std::array<char, 64> out;
  for (const auto& row : rows) {
    CAPTURE(std::string(row.path));
    auto path = normalize_path(row.path, out);
    REQUIRE(!path.has_value());
    CHECK(to_string(path.error()) == to_string(row.error));
  }
  CHECK(normalize_path("/a/./b", std::span(out).first(5)).error() == PathError::too_long);
  for (std::string_view path : {"/a/./b", "/a/..", "/%2e", "/a/%2E%2E/b"}) {
    CAPTURE(path);
    CHECK(normalize_path(path, out, {.resolve_dots = false}).error() == PathError::dot_segment);
  }
}

}  // namespace
}  // namespace sluice::http
