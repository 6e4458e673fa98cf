#include "config/key.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/folder.hpp"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

enum class Colour : std::uint8_t { red, green };
constexpr std::array<std::string_view, 2> colour_names{"red", "green"};

struct Part {
  Placed<std::string> name;
  std::uint32_t weight = 1;
  Given given{};
};
constexpr auto part_list = std::to_array<Key<Part>>({
    string<&Part::name, Name>("name", "n").required(),
    integer<&Part::weight>("weight", {1, 9}, "w"),
});
constinit const Keys<Part> part_keys = part_list;

struct Group {
  Given given{};
  Placed<std::string> name;
  bool flag = false;
};
constexpr auto group_list = std::to_array<Key<Group>>({boolean<&Group::flag>("flag", "f")});
constinit const Keys<Group> group_keys = group_list;

struct Inner {
  std::optional<Duration> wait;
  Given given{};
};
constexpr auto inner_list = std::to_array<Key<Inner>>({
    duration<&Inner::wait>("wait", {1ms, 1h}, "w").otherwise("for ever"),
});
constinit const Keys<Inner> inner_keys = inner_list;

// A word in capitals; what is not, is refused without saying it again.
struct Word {
  static constexpr std::string_view type = "word";
  static Parsed<std::string> parse(std::string_view text) {
    if (!text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; }))
      return std::string(text);
    return std::unexpected("must be a word in capitals");
  }
};
struct FieldWord : Word {
  static constexpr bool may_be_file = true;
};
// A string that may be empty.
struct Anything {
  static constexpr std::string_view type = "anything";
  static Parsed<std::string> parse(std::string_view text) { return std::string(text); }
};

struct Everything {
  bool flag = true;
  std::uint16_t count = 8;
  std::uint32_t entries = 64;
  Duration wait = 75s;
  std::uint64_t size = 16'384;
  std::string text = "x";
  Colour colour = Colour::green;
  Inner inner;
  std::vector<Part> parts;
  std::vector<Group> many;
  std::vector<Group> named;
  std::optional<Group> maybe;
  std::vector<Placed<std::string>> words;
  std::vector<std::string> names{"x"};
  std::vector<Entry<std::string, std::string>> map;
  Placed<Secret> secret;
  std::vector<Entry<std::string, Secret>> secrets;
  Given given{};
};
constexpr auto everything_list = std::to_array<Key<Everything>>({
    boolean<&Everything::flag>("flag", "s1"),
    integer<&Everything::count>("count", {1, 65535}, "s2"),
    integer<&Everything::entries>("entries", Range(16, 1024).powers_of_two(), "s3"),
    duration<&Everything::wait>("wait", {1ms, 1h}, "s4"),
    config::size<&Everything::size>("size", {1024, 1 << 20}, "s5"),
    string<&Everything::text, Text>("text", "s6"),
    choice<&Everything::colour, colour_names>("colour", "s7"),
    table<&Everything::inner, inner_keys>("inner", "s8"),
    list<&Everything::parts, part_keys>("parts", {1, 3}, "s9"),
    tables<&Everything::many, group_keys>("many", {1, 2}, "s10"),
    named_tables<&Everything::named, group_keys>("named", "s11"),
    table<&Everything::maybe, group_keys>("maybe", "s12"),
    strings<&Everything::words, Word>("words", {1, 3}, "s13"),
    strings<&Everything::names, Name>("names", {0, 2}, "s14"),
    string_map<&Everything::map, Word, Anything>("map", {0, 2}, "s15"),
    string<&Everything::secret, FieldWord>("secret", "s16").otherwise("nothing"),
    string_map<&Everything::secrets, Word, FieldWord>("secrets", {1, 2}, "s17"),
});
constinit const Keys<Everything> everything_keys = everything_list;

struct Outcome {
  Everything settings;
  std::string errors;  // one a line
};
Outcome read_text(std::string_view text) {
  Problems problems("t");
  Outcome outcome;
  if (auto root = parse_document(text, problems)) read(Cursor(*root, {}, problems), everything_keys, outcome.settings);
  outcome.errors = fmt::format("{}", fmt::join(problems.lines(), "\n"));
  return outcome;
}

TEST_CASE("every kind of key reaches its member") {
  auto [settings, errors] = read_text(
      "flag = false\ncount = 65535\nentries = 1024\nwait = \"1m30s\"\nsize = \"1MiB\"\ntext = \"hello\"\ncolour = "
      "\"red\"\n"
      "inner = { wait = \"2s\" }\nparts = [\"a\", { name = \"b\", weight = 9 }]\n"
      "[[many]]\nflag = true\n[[many]]\n[named.one]\nflag = true\n[named.two]\n[maybe]\nflag = true\n");
  CHECK(errors == "");
  CHECK_FALSE(settings.flag);
  CHECK(settings.count == 65535);
  CHECK(settings.entries == 1024);
  CHECK(settings.wait == 90s);
  CHECK(settings.size == 1 << 20);
  CHECK(settings.text == "hello");
  CHECK(settings.colour == Colour::red);
  CHECK(settings.inner.wait == Duration(2s));
  REQUIRE(settings.parts.size() == 2);
  CHECK(settings.parts[0].name.value == "a");
  CHECK(settings.parts[0].name.place == Place{9, 10});
  CHECK(settings.parts[0].weight == 1);
  CHECK(settings.parts[1].name.place == Place{9, 24});
  CHECK(settings.parts[1].weight == 9);
  REQUIRE(settings.many.size() == 2);
  CHECK(settings.many[0].flag);
  CHECK(settings.many[1].given.place() == Place{12, 1});
  REQUIRE(settings.named.size() == 2);
  CHECK(settings.named[0].name.value == "one");
  CHECK(settings.named[0].flag);
  CHECK(settings.named[1].name.value == "two");
  CHECK(settings.named[1].name.place == Place{15, 8});
  REQUIRE(settings.maybe.has_value());
  CHECK(settings.maybe->flag);
  CHECK(settings.maybe->given.place() == Place{16, 1});
}

TEST_CASE("arrays of strings and tables of strings reach their members") {
  auto [settings, errors] =
      read_text("words = ['A', 'BC']\nnames = []\nmap = { B = '', A = \"x y\" }\nsecret = 'PQ'\n[secrets]\nX = 'Y'\n");
  CHECK(errors == "");
  REQUIRE(settings.words.size() == 2);
  CHECK(settings.words[1].value == "BC");
  CHECK(settings.words[1].place == Place{1, 15});
  CHECK(settings.names.empty());
  REQUIRE(settings.map.size() == 2);
  CHECK(settings.map[0].name.value == "B");
  CHECK(settings.map[0].name.place == Place{3, 9});
  CHECK(settings.map[0].value.value.empty());
  CHECK(settings.map[1].name.value == "A");
  CHECK(settings.map[1].value.value == "x y");
  CHECK(settings.map[1].value.place == Place{3, 21});
  CHECK(settings.secret.value == Secret{"PQ", "\"PQ\""});
  CHECK(settings.secret.place == Place{4, 10});
  REQUIRE(settings.secrets.size() == 1);
  CHECK(settings.secrets[0].value.value.value == "Y");
}

TEST_CASE("what a variable says is read as if it stood there") {
  ::setenv("SLUICE_TEST_A", "7", 1);  // NOLINT(concurrency-mt-unsafe)
  auto [settings, errors] = read_text(
      "flag = '${SLUICE_TEST_NONE:-false}'\ncount = '${SLUICE_TEST_A}'\nwait = '${SLUICE_TEST_A}s'\nsize = "
      "'4${SLUICE_TEST_NONE:-KiB}'\n"
      "text = 'x${SLUICE_TEST_A}'\nparts = ['a${SLUICE_TEST_A}']\n");
  ::unsetenv("SLUICE_TEST_A");  // NOLINT(concurrency-mt-unsafe)
  CHECK(errors == "");
  CHECK_FALSE(settings.flag);
  CHECK(settings.count == 7);
  CHECK(settings.wait == 7s);
  CHECK(settings.size == 4096);
  CHECK(settings.text == "x7");
  CHECK(settings.parts.at(0).name.value == "a7");
}

TEST_CASE("a value that may come from a file is shown as it was written") {
  Folder folder;
  const std::string file = folder.write("secret", "FROMFILE\n");
  folder.write("bad", "low\n");
  const std::string hidden = "`secret` is no valid value once it is filled in; what it is then is not shown";
  ::setenv("SLUICE_TEST_A", "FROMENV", 1);  // NOLINT(concurrency-mt-unsafe)
  struct Row {
    std::string text;
    Secret secret;
    std::string errors;
  };
  const std::vector<Row> rows{
      {"'PLAIN'", {"PLAIN", "\"PLAIN\""}, ""},
      {"'${SLUICE_TEST_A}'", {"FROMENV", "\"${SLUICE_TEST_A}\""}, ""},
      {"'X${SLUICE_TEST_A}'", {"XFROMENV", "\"X${SLUICE_TEST_A}\""}, ""},
      {"'${SLUICE_TEST_NONE:-ABC}'", {"ABC", "\"${SLUICE_TEST_NONE:-ABC}\""}, ""},
      {"'file:" + file + "'", {"FROMFILE", "\"file:" + file + "\""}, ""},
      {"'file:secret'", {"FROMFILE", "\"file:secret\""}, ""},
      {"'${SLUICE_TEST_NONE:-file}:secret'", {"FROMFILE", "\"${SLUICE_TEST_NONE:-file}:secret\""}, ""},
      {"'low'", {}, "`secret` must be a word in capitals"},
      {"'***'", {}, "`secret` must be a word in capitals"},
      {"'x${SLUICE_TEST_A}'", {}, hidden},
      {"'file:bad'", {}, hidden},
      {"''", {}, "`secret` must be a word in capitals"},
      {"4711", {}, "`secret` must be a string"},
      {"['S']", {}, "`secret` must be a string"},
      {"'${SLUICE_TEST_NONE}'", {}, "`secret` needs the environment variable SLUICE_TEST_NONE, which is not set"},
      {"'file:none'",
       {},
       "`secret` is to be read from \"" + folder.path("none") + "\", which cannot be read: No such file or directory"},
      {"'file:'", {}, "`secret` is to be read from \"" + folder.path("") + "\", which is no regular file"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Problems problems(folder.path("main.toml"));
    auto root = parse_document("secret = " + row.text + "\n", problems);
    REQUIRE(root.has_value());
    Everything settings;
    read(Cursor(*root, {}, problems), everything_keys, settings);
    const std::string expected = row.errors.empty() ? "" : folder.path("main.toml") + ":1:10: " + row.errors;
    CHECK(fmt::format("{}", fmt::join(problems.lines(), "\n")) == expected);
    CHECK(settings.secret.value == row.secret);
  }
  ::unsetenv("SLUICE_TEST_A");  // NOLINT(concurrency-mt-unsafe)
}

TEST_CASE("what the file leaves out stays as the struct says") {
  auto [settings, errors] = read_text("");
  CHECK(errors == "");
  CHECK(settings.flag);
  CHECK(settings.wait == 75s);
  CHECK(settings.colour == Colour::green);
  CHECK_FALSE(settings.inner.wait.has_value());
  CHECK(settings.parts.empty());
}

TEST_CASE("every wrong value is told at its place, with what it is") {
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"flag = 1", "t:1:8: `flag` must be true or false, not the integer 1"},
      {"flag = \"true\"", "t:1:8: `flag` must be true or false, not the string \"true\""},
      {"count = true", "t:1:9: `count` must be an integer, not true"},
      {"count = 1.5", "t:1:9: `count` must be an integer, not 1.5"},
      {"count = [1]", "t:1:9: `count` must be an integer, not an array"},
      {"count = { a = 1 }", "t:1:9: `count` must be an integer, not a table"},
      {"count = 1979-05-27T07:32:00Z", "t:1:9: `count` must be an integer, not 1979-05-27T07:32:00Z"},
      {"count = 0", "t:1:9: `count` must be from 1 to 65535, not 0"},
      {"count = -5", "t:1:9: `count` must be from 1 to 65535, not -5"},
      {"count = 65536", "t:1:9: `count` must be from 1 to 65535, not 65536"},
      {"entries = 48", "t:1:11: `entries` must be a power of two from 16 to 1024, not 48"},
      {"entries = 8", "t:1:11: `entries` must be a power of two from 16 to 1024, not 8"},
      {"entries = 2048", "t:1:11: `entries` must be a power of two from 16 to 1024, not 2048"},
      {"wait = 30",
       "t:1:8: `wait` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not the integer 30"},
      {"wait = \"30\"",
       "t:1:8: `wait` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not \"30\""},
      {"wait = \"0s\"", "t:1:8: `wait` must be from 1ms to 1h, not \"0s\""},
      {"wait = \"999us\"", "t:1:8: `wait` must be from 1ms to 1h, not \"999us\""},
      {"wait = \"1h1us\"", "t:1:8: `wait` must be from 1ms to 1h, not \"1h1us\""},
      {"size = 1023", "t:1:8: `size` must be from 1KiB to 1MiB, not 1023"},
      {"size = \"2MiB\"", "t:1:8: `size` must be from 1KiB to 1MiB, not \"2MiB\""},
      {"size = \"1MB\"", "t:1:8: `size` must be a size, such as \"16KiB\", \"1MiB\" or a number of bytes, not \"1MB\""},
      {"size = true", "t:1:8: `size` must be a size, such as \"16KiB\", \"1MiB\" or a number of bytes, not true"},
      {"text = 1", "t:1:8: `text` must be a string, not the integer 1"},
      {"text = \"\"", "t:1:8: `text` must not be empty"},
      {"colour = \"blue\"", "t:1:10: `colour` must be \"red\" or \"green\", not \"blue\""},
      {"colour = \"gren\"", "t:1:10: `colour` must be \"red\" or \"green\", not \"gren\"; did you mean `green`?"},
      {"colour = 1", "t:1:10: `colour` must be \"red\" or \"green\", not the integer 1"},
      {"words = 'A'", "t:1:9: `words` must be an array, not the string \"A\""},
      {"words = []", "t:1:9: `words` must have from 1 to 3 entries, not 0"},
      {"words = ['A', 'B', 'C', 'D']", "t:1:9: `words` must have from 1 to 3 entries, not 4"},
      {"words = ['A', 1, 'C']", "t:1:15: `words[1]` must be a string, not the integer 1"},
      {"words = ['A', 'b']", "t:1:15: `words[1]` must be a word in capitals"},
      {"words = [['A']]", "t:1:10: `words[0]` must be a string, not an array"},
      {"map = ['A']", "t:1:7: `map` must be a table, not an array"},
      {"map = { a = 'x' }", "t:1:9: a name in `map` must be a word in capitals"},
      {"map = { a = 1 }",
       "t:1:9: a name in `map` must be a word in capitals\n"
       "t:1:13: `a` in `map` must be a string, not the integer 1"},
      {"words = ['A', 1, 'C', 'd']",
       "t:1:9: `words` must have from 1 to 3 entries, not 4\n"
       "t:1:15: `words[1]` must be a string, not the integer 1\n"
       "t:1:23: `words[3]` must be a word in capitals"},
      {"map = { A = 1 }", "t:1:13: `A` in `map` must be a string, not the integer 1"},
      {"map = { A = '', B = '', C = '' }", "t:1:7: `map` must have from 0 to 2 entries, not 3"},
      {"secrets = {}", "t:1:11: `secrets` must have from 1 to 2 entries, not 0"},
      {"secrets = { A = 'hidden' }", "t:1:17: `A` in `secrets` must be a word in capitals"},
      {"text = '${SLUICE_TEST_NONE}'",
       "t:1:8: `text` needs the environment variable SLUICE_TEST_NONE, which is not set"},
      {"count = '${SLUICE_TEST_NONE}'",
       "t:1:9: `count` needs the environment variable SLUICE_TEST_NONE, which is not set"},
      {"count = '${SLUICE_TEST_NONE:-x}'", "t:1:9: `count` must be an integer, not the string \"x\""},
      {"count = '${SLUICE_TEST_NONE:-0}'", "t:1:9: `count` must be from 1 to 65535, not 0"},
      {"count = '${SLUICE_TEST_NONE:-18446744073709551615}'",
       "t:1:9: `count` must be an integer, not the string \"18446744073709551615\""},
      {"count = '7'", "t:1:9: `count` must be an integer, not the string \"7\""},
      {"count = '$${x}'", "t:1:9: `count` must be an integer, not the string \"${x}\""},
      {"flag = '${SLUICE_TEST_NONE:-yes}'", "t:1:8: `flag` must be true or false, not the string \"yes\""},
      {"wait = '${SLUICE_TEST_NONE:-1}'",
       "t:1:8: `wait` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not \"1\""},
      {"colour = '${A'", "t:1:10: `colour` has `${` without `}`; write $${ for ${"},
      {"parts = ['${A']", "t:1:10: `parts[0]` has `${` without `}`; write $${ for ${"},
      {"inner = '${A'", "t:1:9: [inner] has `${` without `}`; write $${ for ${"},
      {"counts = 1", "t:1:1: unknown key `counts`; did you mean `count`?"},
      {"\"a\\nb\" = 1", "t:1:1: unknown key `a\\x0ab`"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read_text(row.text).errors == row.expected);
  }
}

TEST_CASE("every wrong section is told at its place, with what it is") {
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const std::vector<Row> rows{
      {"inner = 1", "t:1:9: [inner] must be a table, not the integer 1"},
      {"inner = { wiat = \"1s\" }", "t:1:11: unknown key `wiat` in [inner]; did you mean `wait`?"},
      {"inner = { waitt = \"1s\" }", "t:1:11: unknown key `waitt` in [inner]; did you mean `wait`?"},
      {"parts = \"a\"", "t:1:9: `parts` must be an array, not the string \"a\""},
      {"parts = []", "t:1:9: `parts` must have from 1 to 3 entries, not 0"},
      {"parts = [\"a\", \"b\", \"c\", \"d\"]", "t:1:9: `parts` must have from 1 to 3 entries, not 4"},
      {"parts = [\"a\", 7]", "t:1:15: `parts[1]` must be a string, not the integer 7"},
      {"parts = [{ weight = 2 }]", "t:1:10: `parts[0]` needs `name`"},
      {"parts = [{ name = \"a\", wight = 2 }]", "t:1:24: unknown key `wight` in `parts[0]`; did you mean `weight`?"},
      {"[many]", "t:1:1: [[many]] must have two pairs of brackets"},
      {"[many]\nflag = 1",
       "t:1:1: [[many]] must have two pairs of brackets\n"
       "t:2:8: `flag` must be true or false, not the integer 1"},
      {"[[many]]\n[[many]]\nflag = 1\n[[many]]",
       "t:1:1: [[many]] must have from 1 to 2 entries, not 3\n"
       "t:3:8: `flag` must be true or false, not the integer 1"},
      {"[[many]]\ncount = 1",
       "t:2:1: unknown key `count` in [[many]]; the keys of the top level stand before the first section"},
      {"[[named]]\nflag = 1",
       "t:1:1: [[named]] must be [named.NAME]: one pair of brackets, and a name\n"
       "t:2:8: `flag` must be true or false, not the integer 1"},
      {"[named]\nflag = true", "t:2:1: `flag` is for [named.NAME]: this section has no name"},
      {"many = 1", "t:1:8: [[many]] must be an array, not the integer 1"},
      {"many = [1]", "t:1:9: [[many]] must be a table, not the integer 1"},
      {"[[many]]\nflog = true", "t:2:1: unknown key `flog` in [[many]]; did you mean `flag`?"},
      {"named = 1", "t:1:9: [named.NAME] must be a table, not the integer 1"},
      {"named.x = 1", "t:1:11: [named.x] must be a table, not the integer 1"},
      {"[named.\"a b\"]", "t:1:8: the name must be 1 to 64 letters, digits, `-`, `_` or `.`, not \"a b\""},
      {"[named.a]\nflag = 1", "t:2:8: `flag` must be true or false, not the integer 1"},
      {"maybe = 1", "t:1:9: [maybe] must be a table, not the integer 1"},
      {"maybe = { flg = true }", "t:1:11: unknown key `flg` in [maybe]; did you mean `flag`?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read_text(row.text).errors == row.expected);
  }
}

TEST_CASE("one wrong key does not hide the next, and the good ones are read") {
  auto [settings, errors] = read_text("flag = 1\ncount = 7\nwait = 3\n[[many]]\nflag = 0\n[[many]]\n");
  CHECK(errors ==
        "t:1:8: `flag` must be true or false, not the integer 1\n"
        "t:3:8: `wait` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not the integer 3\n"
        "t:5:8: `flag` must be true or false, not the integer 0");
  CHECK(settings.count == 7);
  CHECK_FALSE(settings.many[0].given.is_clean());
  CHECK(settings.many[1].given.is_clean());
}

TEST_CASE("what is known of a table's keys") {
  auto [settings, errors] = read_text(
      "flag = 1\ncuont = 7\nsurprise = 1\nentries = 64\nentrees = 1\nparts = ['a', { name = 'b', wight = 2 }, {}]\n"
      "inner = { wait = 3 }\n[[many]]\nflga = true\n[named.x]\nflag = true\n");
  const Given& given = settings.given;
  CHECK(given.place() == Place{1, 1});
  // What was told of is there, and not to be gone by.
  CHECK(given.has("flag"));
  CHECK_FALSE(given.is_sound("flag"));
  CHECK(given.place_of("flag") == Place{1, 8});
  // What may have been meant by an unknown key is not there.
  CHECK_FALSE(given.has("count"));
  CHECK_FALSE(given.is_sound("count"));
  CHECK(given.place_of("count") == given.place());
  // Unless it is.
  CHECK(given.is_sound("entries"));
  CHECK(given.has_unknown_key());
  // What is left out holds as it is.
  CHECK_FALSE(given.has("wait"));
  CHECK(given.is_sound("wait"));
  CHECK(given.are_sound("wait", "size", "entries"));
  CHECK_FALSE(given.are_sound("wait", "size", "flag"));
  CHECK_FALSE(given.is_clean());
  // A section is sound where there is one; what is in it knows by itself.
  CHECK(given.are_sound("inner", "many", "named", "parts"));
  CHECK_FALSE(settings.inner.given.is_clean());
  CHECK_FALSE(settings.inner.given.has_unknown_key());
  CHECK(settings.parts[0].given.is_clean());
  CHECK(settings.parts[0].given.has("name"));
  CHECK_FALSE(settings.parts[1].given.is_clean());
  CHECK(settings.parts[1].given.is_sound("name"));
  CHECK_FALSE(settings.parts[1].given.is_sound("weight"));
  CHECK_FALSE(settings.parts[2].given.is_clean());
  CHECK_FALSE(settings.many[0].given.is_clean());
  CHECK_FALSE(settings.many[0].given.has_unknown_key());
  CHECK(settings.named[0].given.is_clean());
}

TEST_CASE("what may stand in a file that could not be read is not missing") {
  Problems problems("t");
  auto root = parse_document("flag = false\n", problems);
  REQUIRE(root.has_value());
  root->is_partial = true;
  Everything settings;
  CHECK(read(Cursor(*root, {}, problems), everything_keys, settings));
  CHECK(settings.given.is_partial());
  CHECK(settings.given.is_sound("flag"));
  CHECK_FALSE(settings.given.is_sound("count"));
  Part part;
  CHECK(read(Cursor(*root, "part", problems), part_keys, part));
  CHECK(problems.lines() == std::vector<std::string>{"t:1:1: unknown key `flag` in part"});
}

TEST_CASE("a key that stands in two files is read in both") {
  Problems problems("t");
  auto root = parse_document("count = 7\n[[many]]\n", problems);
  auto other = parse_document("count = 0\n[[many]]\nflag = 1\n", problems);
  REQUIRE(root.has_value());
  REQUIRE(other.has_value());
  for (Member& member : other->members) root->members.push_back(std::move(member));
  Everything settings;
  CHECK(read(Cursor(*root, {}, problems), everything_keys, settings));
  CHECK(settings.count == 7);
  CHECK_FALSE(settings.given.is_sound("count"));
  CHECK(settings.many.size() == 2);
  CHECK(problems.lines() == std::vector<std::string>{"t:1:9: `count` must be from 1 to 65535, not 0",
                                                     "t:3:8: `flag` must be true or false, not the integer 1"});
}

TEST_CASE("the keys that say something else") {
  auto settings_of = [](std::string_view text) { return read_text(text).settings; };
  const Everything before = settings_of("count = 7\nwords = ['A']\n[inner]\nwait = '1s'\n");
  auto differing = [&](std::string_view text) { return differing_keys(everything_keys, before, settings_of(text)); };
  CHECK(differing("\ncount = 7\nwords = ['A']").empty());
  CHECK(differing("words = ['A']\n[inner]\nwait = '2s'") == std::vector<std::string_view>{"count"});
  CHECK(differing("count = 7\nwords = ['B']\nwait = '2s'") == std::vector<std::string_view>{"wait", "words"});
}

TEST_CASE("the reference says what is read") {
  std::vector<ReferenceRow> rows;
  describe(std::string(), everything_keys, rows);
  std::string lines;
  for (const auto& row : rows) {
    lines += fmt::format("{}|{}|{}|{}|{}\n", row.section, row.key, row.type, row.standard, row.summary);
  }
  CHECK(lines ==
        "|flag|boolean|true|s1\n"
        "|count|integer, 1 to 65535|8|s2\n"
        "|entries|integer (power of two), 16 to 1024|64|s3\n"
        "|wait|duration, 1ms to 1h|\"75s\"|s4\n"
        "|size|size, 1KiB to 1MiB|\"16KiB\"|s5\n"
        "|text|string|\"x\"|s6\n"
        "|colour|\"red\" or \"green\"|\"green\"|s7\n"
        "|inner|table|each key's own|s8\n"
        "|parts|array of name or table, 1 to 3|none|s9\n"
        "|many|tables|none|s10\n"
        "|named|tables by name|none|s11\n"
        "|maybe|table|none|s12\n"
        "|words|array of word, 1 to 3|none|s13\n"
        "|names|array of name, 0 to 2|[\"x\"]|s14\n"
        "|map|table of word to anything, 0 to 2|none|s15\n"
        "|secret|word or `file:` path|nothing|s16\n"
        "|secrets|table of word to word or `file:` path, 1 to 2|none|s17\n"
        "[inner]|wait|duration, 1ms to 1h|for ever|w\n"
        "`parts`|name|name|required|n\n"
        "`parts`|weight|integer, 1 to 9|1|w\n"
        "[[many]]|flag|boolean|false|f\n"
        "[named.NAME]|flag|boolean|false|f\n"
        "[maybe]|flag|boolean|false|f\n");
}

}  // namespace
}  // namespace sluice::config
