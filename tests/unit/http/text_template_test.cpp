#include "http/text_template.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "http/writer.hpp"

namespace sluice::http {
namespace {

Variables sample() {
  Variables variables;
  variables.set(Variable::client, "192.0.2.1");
  variables.set(Variable::host, "a.example:8080");
  variables.set(Variable::request_id, "id-1");
  return variables;
}

std::string written(const TextTemplate& text, const Variables& variables) {
  std::array<char, 256> memory;
  Writer out(memory);
  text.write(out, variables);
  REQUIRE(!out.overflowed());
  CHECK(text.is_empty_with(variables) == out.text().empty());
  return std::string(out.text());
}

TEST_CASE("templates") {
  struct {
    std::string_view text;
    std::string_view written;
  } const rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"{client}", "192.0.2.1"},
      {"{client}{host}", "192.0.2.1a.example:8080"},
      {"a {client}, b {request_id} c", "a 192.0.2.1, b id-1 c"},
      {"{{", "{"},
      {"}}", "}"},
      {"{{client}}", "{client}"},
      {"{{{client}}}", "{192.0.2.1}"},
      {"{{}}{{", "{}{"},
      {"{peer}", ""},
      {"{peer}{scheme}{listener}{route}", ""},
      {"a{peer}b", "ab"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    auto text = TextTemplate::parse(row.text);
    REQUIRE(text.has_value());
    CHECK(written(*text, sample()) == row.written);
  }
}

TEST_CASE("what is no template") {
  struct {
    std::string_view text;
    std::string_view error;
  } const rows[] = {
      {"{", "has a single `{`; write `{{` for the character"},
      {"a{b", "has a single `{`; write `{{` for the character"},
      {"}", "has a single `}`; write `}}` for the character"},
      {"{client}}", "has a single `}`; write `}}` for the character"},
      {"{{client}", "has a single `}`; write `}}` for the character"},
      {"{}",
       "has the unknown variable `{}`; there are {client}, {peer}, {host}, {request_id}, {scheme}, {listener}, "
       "{route}"},
      {"{Client}",
       "has the unknown variable `{Client}`; there are {client}, {peer}, {host}, {request_id}, {scheme}, "
       "{listener}, {route}"},
      {"{ client }",
       "has the unknown variable `{ client }`; there are {client}, {peer}, {host}, {request_id}, "
       "{scheme}, {listener}, {route}"},
      {"{cli{ent}",
       "has the unknown variable `{cli{ent}`; there are {client}, {peer}, {host}, {request_id}, {scheme}, "
       "{listener}, {route}"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    auto text = TextTemplate::parse(row.text);
    REQUIRE(!text.has_value());
    CHECK(text.error() == row.error);
  }
}

TEST_CASE("what is bound is text") {
  auto text = TextTemplate::parse("{route}: {client}, {route}").value();
  CHECK(text.uses(Variable::route));
  CHECK(text.uses(Variable::client));
  CHECK(!text.uses(Variable::host));
  CHECK(text.literal_bytes() == 4);
  text.bind(Variable::route, "r{1}");
  CHECK(!text.uses(Variable::route));
  CHECK(text.literal_bytes() == 12);
  Variables variables = sample();
  variables.set(Variable::route, "other");
  CHECK(written(text, variables) == "r{1}: 192.0.2.1, r{1}");
}

}  // namespace
}  // namespace sluice::http
