#include "net/address_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace sluice::net {
namespace {

using namespace std::string_view_literals;

TEST_CASE("how a file names an address") {
  struct Row {
    std::string_view text;
    std::string_view canonical;
  };
  const Row valid[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080"},
      {"[0:0::1]:80", "[::1]:80"},
      {"unix:/run/app.sock", "unix:/run/app.sock"},
      {"unix:@app", "unix:@app"},
  };
  for (const Row& row : valid) {
    CAPTURE(row.text);
    auto parsed = AddressText::parse(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.canonical);
  }

  const std::string_view behind_unix =
      "must have behind `unix:` a path from the root, without empty, `.` and `..` segments, or `@` and a name; at most "
      "107 bytes, not ";
  const std::string_view no_unix = "must name a unix socket as \"unix:/run/app.sock\" or \"unix:@app\", not ";
  const std::string_view no_ip =
      "must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", not ";
  struct Refused {
    std::string_view text;
    std::string_view why;
  };
  const Refused invalid[] = {
      {"", no_ip},
      {"localhost:80", no_ip},
      {"127.0.0.1:0", no_ip},
      {"127.0.0.1", no_ip},
      {"unix", no_ip},
      {"UNIX:/run/app.sock", no_ip},
      {"unix:", behind_unix},
      {"unix:app.sock", behind_unix},
      {"unix:/run/", behind_unix},
      {"unix://run/app.sock", behind_unix},
      {"unix:/run/../app.sock", behind_unix},
      {"unix:@", behind_unix},
      {"unix:/a\0b"sv, behind_unix},
      {"unix:127.0.0.1:80", behind_unix},
      {"/run/app.sock", no_unix},
      {"./app.sock", no_unix},
      {"@app", no_unix},
  };
  for (const Refused& row : invalid) {
    CAPTURE(row.text);
    auto parsed = AddressText::parse(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().starts_with(row.why));
  }
  CHECK(AddressText::parse("unix:/" + std::string(106, 'x')).has_value());
  CHECK_FALSE(AddressText::parse("unix:/" + std::string(107, 'x')).has_value());
}

}  // namespace
}  // namespace sluice::net
