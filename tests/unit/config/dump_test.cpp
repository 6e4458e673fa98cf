#include "config/dump.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/random.hpp"
#include "config/document.hpp"
#include "config/key.hpp"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

enum class Colour : std::uint8_t { red, green };
constexpr std::array<std::string_view, 2> colour_names{"red", "green"};

struct Anything {
  static constexpr std::string_view type = "anything";
  static Parsed<std::string> parse(std::string_view text) { return std::string(text); }
};
struct FieldText : Anything {
  static constexpr bool may_be_file = true;
};

struct Leaf {
  std::string text = "leaf";
  std::optional<Duration> wait;
  Given given{};

  friend bool operator==(const Leaf&, const Leaf&) = default;
};
constexpr auto leaf_list = std::to_array<Key<Leaf>>({
    string<&Leaf::text, Text>("text", "s"),
    duration<&Leaf::wait>("wait", {0s, 24h}, "s").otherwise("from further out"),
});
constinit const Keys<Leaf> leaf_keys = leaf_list;

struct Branch {
  Placed<std::string> name;
  std::uint32_t weight = 1;
  Leaf leaf;
  std::optional<Leaf> maybe;
  std::vector<Leaf> leaves;
  Given given{};

  friend bool operator==(const Branch& a, const Branch& b) {
    return a.name.value == b.name.value && a.weight == b.weight && a.leaf == b.leaf && a.maybe == b.maybe &&
           a.leaves == b.leaves;
  }
};
constexpr auto branch_list = std::to_array<Key<Branch>>({
    integer<&Branch::weight>("weight", {0, 1'000'000}, "s"),
    table<&Branch::leaf, leaf_keys>("leaf", "s"),
    table<&Branch::maybe, leaf_keys>("maybe", "s"),
    list<&Branch::leaves, leaf_keys>("leaves", {0, 9}, "s"),
});
constinit const Keys<Branch> branch_keys = branch_list;

struct Tree {
  bool flag = true;
  std::optional<std::int64_t> count;
  std::uint64_t size = 4096;
  Colour colour = Colour::green;
  Placed<std::string> text;
  std::string anything = "x";
  std::vector<std::string> names{"one"};
  std::vector<Entry<std::string, std::string>> map;
  Branch branch;
  std::vector<Branch> many;
  std::vector<Branch> named;
  Given given{};
};
constexpr auto tree_list = std::to_array<Key<Tree>>({
    table<&Tree::branch, branch_keys>("branch", "s"),
    boolean<&Tree::flag>("flag", "s"),
    tables<&Tree::many, branch_keys>("many", {0, 9}, "s"),
    integer<&Tree::count>("count", {INT64_MIN, INT64_MAX}, "s").otherwise("what there is"),
    named_tables<&Tree::named, branch_keys>("named", "s"),
    config::size<&Tree::size>("size", {0, INT64_MAX}, "s"),
    choice<&Tree::colour, colour_names>("colour", "s"),
    string<&Tree::text, Text>("text", "s"),
    string<&Tree::anything, Anything>("anything", "s"),
    strings<&Tree::names, Anything>("names", {0, 9}, "s"),
    string_map<&Tree::map, Anything, Anything>("map", {0, 9}, "s"),
});
constinit const Keys<Tree> tree_keys = tree_list;

std::string dump_text(const Tree& tree, const Tree& effective) {
  Dump out;
  dump(tree_keys, tree, effective, out);
  return out.text();
}

// What comes out when the text is read; a mistake in it fails the test.
Tree read_back(const std::string& text) {
  Problems problems("t");
  Tree tree;
  auto root = parse_document(text, problems);
  if (root) read(Cursor(*root, {}, problems), tree_keys, tree);
  CHECK(fmt::format("{}", fmt::join(problems.lines(), "\n")) == "");
  return tree;
}

TEST_CASE("a dump has every key, and what is not set in comments") {
  Tree tree;
  tree.named.resize(1);
  tree.named[0].name.value = "a.b";
  tree.named[0].leaves.resize(2);
  tree.named[0].leaves[1].wait = 90s;
  tree.many.resize(1);
  tree.many[0].maybe.emplace();
  Tree effective = tree;
  effective.count = 7;
  effective.named[0].leaf.wait = 2s;
  CHECK(dump_text(tree, effective) ==
        "flag = true\n"
        "# count = 7 (what there is)\n"
        "size = \"4KiB\"\n"
        "colour = \"green\"\n"
        "# text: not set\n"
        "anything = \"x\"\n"
        "names = [\"one\"]\n"
        "# map: none\n"
        "\n[branch]\n"
        "weight = 1\n"
        "# leaves: none\n"
        "\n[branch.leaf]\n"
        "text = \"leaf\"\n"
        "# wait: from further out\n"
        "\n# [branch.maybe]: none\n"
        "\n[[many]]\n"
        "weight = 1\n"
        "# leaves: none\n"
        "\n[many.leaf]\n"
        "text = \"leaf\"\n"
        "# wait: from further out\n"
        "\n[many.maybe]\n"
        "text = \"leaf\"\n"
        "# wait: from further out\n"
        "\n[named.\"a.b\"]\n"
        "weight = 1\n"
        "leaves = [{ text = \"leaf\" }, { text = \"leaf\", wait = \"90s\" }]\n"
        "\n[named.\"a.b\".leaf]\n"
        "text = \"leaf\"\n"
        "# wait = \"2s\" (from further out)\n"
        "\n# [named.\"a.b\".maybe]: none\n");
}

TEST_CASE("a long value that only holds stays a comment as a whole") {
  Dump out;
  out.absent("names", "[\n  \"a\",\n  \"b\",\n]", "elsewhere");
  CHECK(out.text() == "# names = [\n#   \"a\",\n#   \"b\",\n# ] (elsewhere)\n");
}

// Trees of all shapes, with values that are hard to write.
class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  Tree tree() {
    Tree tree;
    tree.flag = coin();
    if (coin()) tree.count = static_cast<std::int64_t>(random_.next() >> random_.below(64));
    tree.size = random_.next() >> (1 + random_.below(63));
    tree.colour = coin() ? Colour::red : Colour::green;
    tree.text.value = text(1);
    tree.anything = text(0);
    tree.names.clear();
    for (auto count = random_.below(4); count > 0; --count) tree.names.push_back(text(0));
    for (auto count = random_.below(4); count > 0; --count) {
      tree.map.push_back({{fmt::format("{}{}", text(0), count), {}}, {text(0), {}}});
    }
    tree.branch = branch();
    for (auto count = random_.below(3); count > 0; --count) tree.many.push_back(branch());
    for (auto count = random_.below(3); count > 0; --count) {
      tree.named.push_back(branch());
      tree.named.back().name.value = fmt::format("n{}.{}", count, count);
    }
    return tree;
  }

 private:
  bool coin() { return random_.one_in(2); }

  std::string text(std::size_t least) {
    constexpr auto parts = std::to_array<std::string_view>(
        {"a",      "\"",      "\\",       "\n",   "${",
         "$",      "{",       "}",        "#",    "'",
         "\"\"\"", "'''",     "\xc3\xa4", "\x7f", "\x01",
         " ",      "=",       "[",        "]",    ",",
         "file:",  "\\u0041", "${HOME}",  ".",    "0123456789012345678901234567890123456789"});
    std::string text;
    for (auto count = random_.below(6); count > 0 || text.size() < least; count -= count > 0 ? 1 : 0) {
      text += parts[random_.below(parts.size())];
    }
    return text;
  }

  Leaf leaf() {
    Leaf leaf{text(1), {}};
    if (coin()) leaf.wait = std::chrono::microseconds(random_.below(86'400'000'000));
    return leaf;
  }

  Branch branch() {
    Branch branch;
    branch.weight = static_cast<std::uint32_t>(random_.below(1'000'001));
    branch.leaf = leaf();
    if (coin()) branch.maybe = leaf();
    for (auto count = random_.below(4); count > 0; --count) branch.leaves.push_back(leaf());
    return branch;
  }

  Random random_;
};

TEST_CASE("whatever the settings are, their dump reads as the same settings") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Tree tree = Maker(seed).tree();
    const std::string text = dump_text(tree, tree);
    CAPTURE(seed);
    CAPTURE(text);
    const Tree again = read_back(text);
    CHECK(again.flag == tree.flag);
    CHECK(again.count == tree.count);
    CHECK(again.size == tree.size);
    CHECK(again.colour == tree.colour);
    CHECK(again.text.value == tree.text.value);
    CHECK(again.anything == tree.anything);
    CHECK(again.names == tree.names);
    REQUIRE(again.map.size() == tree.map.size());
    for (std::size_t i = 0; i < tree.map.size(); ++i) {
      CHECK(again.map[i].name.value == tree.map[i].name.value);
      CHECK(again.map[i].value.value == tree.map[i].value.value);
    }
    CHECK(again.branch == tree.branch);
    CHECK(again.many == tree.many);
    CHECK(again.named == tree.named);
    CHECK(dump_text(again, again) == text);
  }
}

struct Vault {
  Secret secret;
  std::vector<Entry<std::string, Secret>> secrets;
  Given given{};
};
constexpr auto vault_list = std::to_array<Key<Vault>>({
    string<&Vault::secret, FieldText>("secret", "s"),
    string_map<&Vault::secrets, Name, FieldText>("secrets", {0, 9}, "s"),
});
constinit const Keys<Vault> vault_keys = vault_list;

TEST_CASE("what may come from a file is in the dump as it was written") {
  Problems problems("t");
  auto root = parse_document("secret = 'x${HOME}'\nsecrets = { a = 'plain', b = '${HOME:-hidden}' }\n", problems);
  REQUIRE(root.has_value());
  Vault vault;
  read(Cursor(*root, {}, problems), vault_keys, vault);
  Dump out;
  dump(vault_keys, vault, vault, out);
  CHECK(vault.secrets.at(0).value.value.value == "plain");
  CHECK(out.text() == "secret = \"x${HOME}\"\nsecrets = { a = \"plain\", b = \"${HOME:-hidden}\" }\n");
}

TEST_CASE("what variables say is shown as it was written") {
  ::setenv("SLUICE_TEST_A", "hidden", 1);  // NOLINT(concurrency-mt-unsafe)
  Problems problems("t");
  auto root = parse_document("text = \"a${SLUICE_TEST_A}$${b}\"\nwait = \"${SLUICE_TEST_NONE:-7s}\"\n", problems);
  REQUIRE(root.has_value());
  Leaf leaf;
  CHECK(read(Cursor(*root, {}, problems), leaf_keys, leaf));
  CHECK(leaf.text == "ahidden${b}");
  CHECK(leaf.wait == Duration(7s));
  Dump out;
  dump(leaf_keys, leaf, leaf, out);
  CHECK(out.text() == "text = \"a${SLUICE_TEST_A}$${b}\"\nwait = \"${SLUICE_TEST_NONE:-7s}\"\n");
  // The same in the place of what another table leaves out.
  Leaf plain;
  Leaf effective;
  effective.wait = leaf.wait;
  effective.given.inherit(leaf.given);
  Dump inherited;
  dump(leaf_keys, plain, effective, inherited);
  CHECK(inherited.text() == "text = \"leaf\"\n# wait = \"${SLUICE_TEST_NONE:-7s}\" (from further out)\n");
  // What the table says itself is not from further out.
  Leaf own;
  auto own_root = parse_document("wait = \"1s\"\n", problems);
  REQUIRE(own_root.has_value());
  CHECK(read(Cursor(*own_root, {}, problems), leaf_keys, own));
  own.given.inherit(leaf.given);
  CHECK(own.given.written("wait").empty());
  ::unsetenv("SLUICE_TEST_A");  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace
}  // namespace sluice::config
