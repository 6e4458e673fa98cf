#include "http/field_edits.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "http/writer.hpp"

namespace sluice::http {
namespace {

TextTemplate text_of(std::string_view text) { return TextTemplate::parse(text).value(); }

std::string written(const FieldEdits& edits, FieldIds except = 0) {
  Variables variables;
  variables.set(Variable::client, "192.0.2.1");
  std::array<char, 1024> memory;
  Writer out(memory);
  edits.write(out, variables, except);
  return std::string(out.text());
}

TEST_CASE("set replaces, add stands beside, remove takes away, and the last one holds") {
  FieldEdits edits;
  CHECK(edits.is_empty());
  edits.set("X-A", text_of("1"));
  edits.add("X-B", text_of("2"));
  edits.add("x-b", text_of("{client}"));
  CHECK(written(edits) == "X-A: 1\r\nX-B: 2\r\nx-b: 192.0.2.1\r\n");
  CHECK(edits.literal_bytes() == std::string("X-A: 1\r\nX-B: 2\r\nx-b: \r\n").size());
  CHECK(edits.dropped().match("x-a") == FieldNames::Match::exact);
  CHECK(edits.dropped().match("X-B") == FieldNames::Match::none);
  CHECK(edits.uses(Variable::client));
  CHECK(!edits.uses(Variable::host));

  edits.set("X-B", text_of("3"));
  CHECK(written(edits) == "X-A: 1\r\nX-B: 3\r\n");
  CHECK(!edits.uses(Variable::client));
  edits.add("X-B", text_of("4"));
  CHECK(written(edits) == "X-A: 1\r\nX-B: 3\r\nX-B: 4\r\n");
  edits.remove("x-B");
  edits.remove("Via");
  CHECK(written(edits) == "X-A: 1\r\n");
  CHECK(edits.dropped().match("X-B") == FieldNames::Match::exact);
  CHECK(edits.dropped().contains(FieldId::via));
  edits.add("x-b", text_of("5"));
  CHECK(written(edits) == "X-A: 1\r\nx-b: 5\r\n");
  CHECK(!edits.is_empty());
}

TEST_CASE("a value that comes out empty is no field") {
  FieldEdits edits;
  edits.set("X-Peer", text_of("{peer}"));
  edits.set("X-Both", text_of("{peer}{client}"));
  CHECK(written(edits) == "X-Both: 192.0.2.1\r\n");
}

TEST_CASE("fields can be excepted") {
  FieldEdits edits;
  edits.set("Content-Type", text_of("a/b"));
  edits.set("X-A", text_of("1"));
  CHECK(written(edits, set_of(FieldId::content_type)) == "X-A: 1\r\n");
  CHECK(written(edits, set_of(FieldId::location)) == "Content-Type: a/b\r\nX-A: 1\r\n");
}

TEST_CASE("no changes") {
  const FieldChanges none;
  CHECK(none.dropped_ids() == 0);
  CHECK(!none.drops(FieldId::via));
  std::array<char, 16> memory;
  Writer out(memory);
  none.write(out);
  CHECK(out.text().empty());
}

}  // namespace
}  // namespace sluice::http
