#include "config/files.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/file.hpp"
#include "config/folder.hpp"

namespace sluice::config {
namespace {

constexpr std::array<TopLevelKey, 5> keys{{{"include", Form::value},
                                           {"count", Form::value},
                                           {"part", Form::table},
                                           {"many", Form::tables},
                                           {"named", Form::named_tables}}};

struct Outcome {
  Node root;
  std::string errors;  // one a line, without the folder
  std::vector<std::string> files;
};

Outcome load(const Folder& folder, std::string_view name = "main.toml") {
  Problems problems(folder.path(name));
  Outcome outcome;
  outcome.root = load_files(folder.path(name), keys, problems);
  outcome.errors = fmt::format("{}", fmt::join(problems.lines(), "\n"));
  const std::string prefix = folder.path("");
  for (std::size_t i = outcome.errors.find(prefix); i != std::string::npos; i = outcome.errors.find(prefix)) {
    outcome.errors.erase(i, prefix.size());
  }
  for (const std::string& file : problems.files()) outcome.files.push_back(file.substr(prefix.size()));
  return outcome;
}

std::string texts(const Node& array, std::string_view key) {
  std::string text;
  for (const Node& item : array.items) text += item.find(key)->text + ' ';
  return text;
}

TEST_CASE("included files are joined: arrays of tables in order, tables by name beside each other") {
  Folder folder;
  folder.write("main.toml",
               "include = ['conf.d/*.toml', 'last.toml']\ncount = 1\n[[many]]\nk = 'main'\n[named.a]\nk = 1\n");
  folder.write("conf.d/b.toml", "[[many]]\nk = 'b1'\n[[many]]\nk = 'b2'\n[named.b]\n");
  folder.write("conf.d/a.toml", "include = ['deeper/?.toml']\n[[many]]\nk = 'a'\n[named.'x.y']\n");
  folder.write("conf.d/deeper/1.toml", "[[many]]\nk = 'deep'\n[part]\nk = 2\n");
  folder.write("conf.d/.hidden.toml", "broken");
  folder.write("conf.d/other.txt", "broken");
  folder.write("last.toml", "[[many]]\nk = 'last'\n");
  auto [root, errors, files] = load(folder);
  CHECK(errors == "");
  CHECK_FALSE(root.is_partial);
  CHECK(files ==
        std::vector<std::string>{"main.toml", "conf.d/a.toml", "conf.d/deeper/1.toml", "conf.d/b.toml", "last.toml"});
  CHECK(root.find("include") == nullptr);
  CHECK(root.find("count")->integer == 1);
  CHECK(root.find("part")->find("k")->integer == 2);
  CHECK(texts(*root.find("many"), "k") == "main a deep b1 b2 last ");
  CHECK(root.find("many")->items[2].place == Place{1, 1, 2});
  CHECK(root.find("many")->items[2].find("k")->place == Place{2, 5, 2});
  REQUIRE(root.find("named")->members.size() == 3);
  CHECK(root.find("named")->members[1].name == "x.y");
  CHECK(root.find("named")->members[1].place.file == 1);
}

TEST_CASE("a pattern that matches nothing, an empty file and an array of none are no mistakes") {
  Folder folder;
  folder.write("main.toml", "include = ['none/*.toml', 'empty.toml']\n");
  folder.write("empty.toml", "");
  auto [root, errors, files] = load(folder);
  CHECK(errors == "");
  CHECK_FALSE(root.is_partial);
  CHECK(root.members.empty());
}

TEST_CASE("what is written in a folder with a name like a pattern is found") {
  Folder folder;
  folder.write("[a]*/main.toml", "include = ['*.conf']\n");
  folder.write("[a]*/x.conf", "count = 7\n");
  auto [root, errors, files] = load(folder, "[a]*/main.toml");
  CHECK(errors == "");
  CHECK_FALSE(root.is_partial);
  CHECK(root.find("count")->integer == 7);
}

TEST_CASE("an absolute pattern stays as it is") {
  Folder folder;
  const std::string other = folder.write("other/x.toml", "count = 3\n");
  folder.write("main.toml", fmt::format("include = ['{}']\n", other));
  CHECK(load(folder).root.find("count")->integer == 3);
  folder.write("main.toml", fmt::format("include = ['{}']\n", folder.path("other/*.toml")));
  CHECK(load(folder).root.find("count")->integer == 3);
}

TEST_CASE("what cannot be joined is told at its place, with the other place") {
  struct Row {
    std::string_view main;
    std::string_view other;
    std::string_view errors;
  };
  const std::vector<Row> rows{
      {"count = 1\n", "\ncount = 2\n", "other.toml:2:1: `count` stands at main.toml:2:1 already"},
      {"[part]\nk = 1\n", "[part]\nj = 1\n", "other.toml:1:2: `part` stands at main.toml:2:2 already"},
      {"part.k = 1\n", "part.j = 1\n", "other.toml:1:1: `part` stands at main.toml:2:1 already"},
      {"[named.a]\n[named.b]\n", "[named.c]\n[named.b]\n[named.a]\n",
       "other.toml:2:8: [named.b] stands at main.toml:3:8 already\n"
       "other.toml:3:8: [named.a] stands at main.toml:2:8 already"},
      // Of the wrong kind, or unknown: told when they are read.
      {"many = 1\n", "[[many]]\n", ""},
      {"[[many]]\n", "[many]\n", ""},
      {"[named.a]\n", "named = []\n", ""},
      {"surprise = [1]\n", "surprise = [2]\n", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.other);
    Folder folder;
    folder.write("main.toml", "include = ['other.toml']\n" + std::string(row.main));
    folder.write("other.toml", row.other);
    auto outcome = load(folder);
    CHECK(outcome.errors == row.errors);
    CHECK_FALSE(outcome.root.is_partial);  // what is wrong with both of them can be told
  }
}

TEST_CASE("what stands in two files is in the tree twice") {
  Folder folder;
  folder.write("main.toml", "include = ['other.toml']\ncount = 1\n[named.a]\nk = 1\n");
  folder.write("other.toml", "count = 2\n[named.a]\nk = 2\n");
  auto outcome = load(folder);
  REQUIRE(outcome.root.members.size() == 3);
  CHECK(outcome.root.members[2].name == "count");
  CHECK(outcome.root.members[2].value.integer == 2);
  CHECK(outcome.root.find("named")->members.size() == 2);
}

TEST_CASE("a file that could not be read is not one that includes itself") {
  Folder folder;
  folder.write("main.toml", "include = ['broken.toml', 'broken.toml']\n");
  folder.write("broken.toml", "x = \n");
  CHECK(load(folder).errors.starts_with("main.toml:1:27: \"broken.toml\" is included twice\nbroken.toml:1:5: "));
}

TEST_CASE("files that cannot be included are told at the pattern") {
  struct Row {
    std::string_view main;
    std::string_view errors;
  };
  const std::vector<Row> rows{
      {"include = ['missing.toml']", "main.toml:1:12: \"missing.toml\" cannot be read: No such file or directory"},
      {"include = ['good.toml', 'no/x.toml']",
       "main.toml:1:25: \"no/x.toml\" cannot be read: No such file or directory"},
      {"include = ['folder']", "main.toml:1:12: \"folder\" cannot be read: Is a directory"},
      {"include = ['folder*']", "main.toml:1:12: \"folder\" cannot be read: Is a directory"},
      {"include = ['main.toml']", "main.toml:1:12: \"main.toml\" includes itself that way"},
      {"include = ['./folder/../main.toml']", "main.toml:1:12: \"./folder/../main.toml\" includes itself that way"},
      {"include = ['m*.toml']", "main.toml:1:12: \"main.toml\" includes itself that way"},
      {"include = ['back.toml']", "back.toml:1:12: \"main.toml\" includes itself that way"},
      {"include = ['good.toml', 'g*.toml']", "main.toml:1:25: \"good.toml\" is included twice"},
      {"include = ['broken.toml', 'broken2.toml']",
       "broken.toml:1:5: not valid TOML: \nbroken2.toml:2:5: not valid TOML: "},
      {"include = 'good.toml'", "main.toml:1:11: `include` must be an array, not the string \"good.toml\""},
      {"include = [1]", "main.toml:1:12: `include[0]` must be a string, not the integer 1"},
      {"include = ['']", "main.toml:1:12: `include[0]` must not be empty"},
      {"include = []", "main.toml:1:11: `include` must have from 1 to 64 entries, not 0"},
      {"include = ['${SLUICE_TEST_NONE}']",
       "main.toml:1:12: `include[0]` needs the environment variable SLUICE_TEST_NONE, which is not set"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.main);
    Folder folder;
    folder.write("main.toml", std::string(row.main) + "\ncount = 1\n");
    folder.write("good.toml", "");
    folder.write("folder/x", "");
    folder.write("back.toml", "include = ['main.toml']\n");
    folder.write("broken.toml", "a = \n");
    folder.write("broken2.toml", "\nb = \n");
    auto outcome = load(folder);
    const bool is_there = row.errors.ends_with("that way") || row.errors.ends_with("twice");
    CHECK(outcome.root.is_partial == !is_there);
    // What could be read is there, and what is wrong with it can be told.
    CHECK(outcome.root.find("count") != nullptr);
    // Of what the TOML library says, only where.
    constexpr std::string_view marker = "not valid TOML: ";
    for (std::size_t i = outcome.errors.find(marker); i != std::string::npos; i = outcome.errors.find(marker, i + 1)) {
      const std::size_t end = std::min(outcome.errors.find('\n', i), outcome.errors.size());
      outcome.errors.erase(i + marker.size(), end - i - marker.size());
    }
    CHECK(outcome.errors == row.errors);
  }
}

TEST_CASE("the first file that cannot be read is named alone") {
  Folder folder;
  auto missing = load(folder);
  CHECK(missing.errors == "main.toml: cannot be read: No such file or directory");
  CHECK(missing.root.is_partial);
  CHECK(missing.root.members.empty());
  folder.write("main.toml", std::string(file_bytes_max + 1, '\n'));
  CHECK(load(folder).errors == "main.toml: is larger than 16MiB");
}

TEST_CASE("including has bounds: depth, number, size") {
  Folder folder;
  for (std::size_t i = 0; i <= include_depth_max + 1; ++i) {
    folder.write(fmt::format("{}.toml", i), fmt::format("include = ['{}.toml']\n", i + 1));
  }
  CHECK(load(folder, "0.toml").errors ==
        "8.toml:1:12: \"9.toml\" is included 9 files deep, and no more than 8 are allowed");
  folder.write("8.toml", "count = 8\n");
  CHECK(load(folder, "0.toml").root.find("count")->integer == 8);

  folder.write("main.toml", "include = ['many/*']\n");
  for (std::size_t i = 1; i < files_max; ++i) folder.write(fmt::format("many/{:04}", i), "[[many]]\n");
  CHECK(load(folder).root.find("many")->items.size() == files_max - 1);
  folder.write("many/x", "");
  folder.write("many/y", "");
  CHECK(load(folder).errors == "main.toml:1:12: \"many/x\" is one file too many: there may be 1024");

  folder.write("large.toml", "include = ['large/*']\n");
  for (int i = 0; i < 4; ++i) folder.write(fmt::format("large/{}", i), "#" + std::string(file_bytes_max - 1, 'x'));
  CHECK(load(folder, "large.toml").errors == "large.toml:1:12: \"large/3\" makes it more than 64MiB");
}

TEST_CASE("secrets are read from regular files, without the end of the line") {
  Folder folder;
  struct Row {
    std::string content;
    std::string_view secret;
  };
  const std::vector<Row> rows{
      {"", ""},     {"x", "x"},       {"x\n", "x"},         {"x\r\n", "x"},
      {"x\r", "x"}, {"x\n\n", "x\n"}, {" x y \n", " x y "}, {std::string("a\0b", 3), std::string_view("a\0b", 3)}};
  for (const Row& row : rows) {
    CHECK(read_secret_file(folder.write("secret", row.content)) == std::string(row.secret));
  }
  CHECK(read_secret_file(folder.write("secret", std::string(64 * 1024 + 1, 'x'))).error() == "is larger than 64KiB");
  CHECK(read_secret_file(folder.path("none")).error() == "cannot be read: No such file or directory");
  CHECK(read_secret_file(folder.path("")).error() == "is no regular file");
  CHECK(read_secret_file("/dev/null").error() == "is no regular file");
  std::filesystem::create_symlink("secret", folder.path("link"));
  folder.write("secret", "linked\n");
  CHECK(read_secret_file(folder.path("link")) == "linked");
}

TEST_CASE("a path stands beside the file that names it") {
  CHECK(beside("/etc/sluice/sluice.toml", "x.toml") == "/etc/sluice/x.toml");
  CHECK(beside("/etc/sluice/sluice.toml", "/x.toml") == "/x.toml");
  CHECK(beside("sluice.toml", "conf.d/x.toml") == "conf.d/x.toml");
}

}  // namespace
}  // namespace sluice::config
