#include "proxy/forwarding_settings.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/document.hpp"

namespace sluice::proxy {
namespace {

struct Outcome {
  ForwardingSettings settings;
  std::string errors;  // one a line
};

// text: the keys of [forwarding], one on a line.
Outcome read_forwarding(std::string_view text) {
  config::Problems problems("t");
  auto root = config::parse_document(text, problems);
  REQUIRE(root.has_value());
  Outcome outcome;
  config::read(config::Cursor(*root, "[forwarding]", problems), forwarding_keys, outcome.settings);
  outcome.errors = fmt::format("{}", fmt::join(problems.lines(), "\n"));
  return outcome;
}

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

TEST_CASE("by default nobody is trusted, and identity is nobody's to claim") {
  const ForwardingRules rules{ForwardingSettings()};
  CHECK(rules.trusted.networks().is_empty());
  CHECK(!rules.trusted.contains(net::Address::unnamed_unix()));
  CHECK(!rules.writes_forwarded);
  CHECK(rules.client_from == http::HopField::x_forwarded_for);
  CHECK(rules.identity.contains(http::FieldId::x_real_ip));
  CHECK(rules.identity.contains(http::FieldId::x_request_id));
  CHECK(rules.identity.match("x-remote-user") == http::FieldNames::Match::exact);
  CHECK(rules.identity.match("X_Forwarded_For") == http::FieldNames::Match::lookalike);
  CHECK(rules.identity.match("User-Agent") == http::FieldNames::Match::none);
}

TEST_CASE("settings become rules") {
  const auto [settings, errors] = read_forwarding(R"(
trusted_proxies = ["10.0.0.0/8", "::1", "unix", "2001:db8::/32"]
client_from = "forwarded"
forwarded = true
identity_headers = ["X-Mine"]
)");
  CHECK(errors.empty());
  REQUIRE(settings.trusted_proxies.size() == 4);
  CHECK(to_string(settings.trusted_proxies[0]) == "10.0.0.0/8");
  CHECK(to_string(settings.trusted_proxies[2]) == "unix");
  const ForwardingRules rules(settings);
  CHECK(rules.trusted.contains(net::Address::unnamed_unix()));
  CHECK(rules.trusted.networks().contains(address("10.1.2.3")));
  CHECK(rules.trusted.networks().contains(address("::ffff:10.1.2.3")));
  CHECK(rules.trusted.networks().contains(address("::1")));
  CHECK(!rules.trusted.networks().contains(address("11.0.0.1")));
  CHECK(rules.client_from == http::HopField::forwarded);
  CHECK(rules.writes_forwarded);
  CHECK(rules.identity.match("x-mine") == http::FieldNames::Match::exact);
  CHECK(!rules.identity.contains(http::FieldId::x_real_ip));
  CHECK(rules.identity.contains(http::FieldId::x_forwarded_for));
}

TEST_CASE("what is no network") {
  for (std::string_view text :
       {"10.0.0.1/8", "10.0.0.0/33", "10/8", "localhost", "unix:/run/x", "UNIX", "*", "", " ::1"}) {
    CAPTURE(std::string(text));
    CHECK(read_forwarding(fmt::format("trusted_proxies = [\"{}\"]", text)).errors ==
          fmt::format("t:1:20: `trusted_proxies[0]` must be an address, a network such as \"10.0.0.0/8\" without bits "
                      "behind its prefix, or \"unix\", not \"{}\"",
                      text));
  }
  struct {
    std::string_view text;
    std::string_view error;
  } const rows[] = {
      {"trusted_proxies = []", "t:1:19: `trusted_proxies` must have from 1 to 1024 entries, not 0"},
      {"trusted_proxies = \"::1\"", "t:1:19: `trusted_proxies` must be an array, not the string \"::1\""},
      {"trusted_proxies = [1]", "t:1:20: `trusted_proxies[0]` must be a string, not the integer 1"},
      {"client_from = \"x-real-ip\"",
       "t:1:15: `client_from` must be \"x-forwarded-for\" or \"forwarded\", not \"x-real-ip\""},
      {"forwarded = 1", "t:1:13: `forwarded` must be true or false, not the integer 1"},
      {"identity_headers = [\"X A\"]",
       "t:1:21: `identity_headers[0]` must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not "
       "\"X A\""},
      {"trust = 1", "t:1:1: unknown key `trust` in [forwarding]"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(read_forwarding(row.text).errors == row.error);
  }
}

}  // namespace
}  // namespace sluice::proxy
