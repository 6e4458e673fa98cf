#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "config/document.hpp"
#include "proxy/configuration.hpp"

// docs/configuration.md and config/*.toml, held against the tables of keys.
namespace sluice::proxy {
namespace {

std::filesystem::path repository() {
  // The tests run in the repository or in a build folder somewhere below it.
  auto root = std::filesystem::current_path();
  while (!std::filesystem::exists(root / "docs" / "configuration.md") && root.has_relative_path())
    root = root.parent_path();
  return root;
}

std::string repository_file(const std::string& name) {
  std::ifstream file(repository() / name, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), name, " is not there");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<config::ReferenceRow> reference() {
  std::vector<config::ReferenceRow> rows;
  config::describe(std::string(), configuration_keys, rows);
  return rows;
}

// A default that is a value of TOML and not a word.
bool is_value(std::string_view standard) {
  return standard.starts_with('"') || standard.starts_with('[') || standard == "true" || standard == "false" ||
         ascii::is_digit(standard.front());
}

std::string heading_of(const config::ReferenceRow& row) {
  return row.section.empty() ? "Top level" : '`' + row.section + '`';
}

std::string line_of(const config::ReferenceRow& row) {
  std::string standard = is_value(row.standard) ? '`' + row.standard + '`' : row.standard;
  return fmt::format("| `{}` | {} | {} | {} |", row.key, row.type, standard, row.summary);
}

TEST_CASE("docs/configuration.md has every key as the code has it, and no other") {
  std::vector<std::string> expected;
  for (const auto& row : reference()) expected.push_back(fmt::format("{}: {}", heading_of(row), line_of(row)));

  std::vector<std::string> documented;
  std::istringstream document(repository_file("docs/configuration.md"));
  std::string heading;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with('#')) heading = line.substr(line.find(' ') + 1);
    if (line.starts_with("| `")) documented.push_back(fmt::format("{}: {}", heading, line));
  }
  for (const std::string& line : expected) {
    if (std::ranges::count(documented, line) != 1) FAIL_CHECK("docs/configuration.md must have once, under ", line);
  }
  for (const std::string& line : documented) {
    if (std::ranges::count(expected, line) == 0) FAIL_CHECK("docs/configuration.md must not have, under ", line);
  }
  CHECK(expected.size() > 40);
}

TEST_CASE("every section of docs/configuration.md has an example, and every example can be read") {
  std::vector<std::string> missing;
  for (const auto& row : reference()) missing.push_back(heading_of(row));
  missing.erase(std::ranges::unique(missing).begin(), missing.end());

  std::istringstream document(repository_file("docs/configuration.md"));
  std::string heading;
  std::string example;
  bool is_example = false;
  std::size_t example_count = 0;
  for (std::string line; std::getline(document, line);) {
    if (is_example && line == "```") {
      is_example = false;
      CAPTURE(example);
      if (example_count++ == 0) {
        CHECK(parse_configuration("example", example).has_value());
        continue;
      }
      config::Problems problems("example");
      auto root = config::parse_document(example, problems);
      REQUIRE(root.has_value());
      Configuration configuration;
      config::read(config::Cursor(*root, {}, problems), configuration_keys, configuration);
      auto errors = problems.lines();
      // It need not be a whole file.
      std::erase_if(errors, [](const std::string& error) { return error.contains("the file needs"); });
      CHECK(fmt::format("{}", fmt::join(errors, "\n")) == "");
      std::erase(missing, heading);
    } else if (is_example) {
      example += line + '\n';
    } else if (line == "```toml") {
      is_example = true;
      example.clear();
    } else if (line.starts_with('#')) {
      heading = line.substr(line.find(' ') + 1);
    }
  }
  CHECK(fmt::format("{}", fmt::join(missing, ", ")) == "");
}

using Nodes = std::vector<const config::Node*>;

// The tables that `name` leads to from each of `from`; an array counts as its entries.
Nodes below(const Nodes& from, std::string_view name) {
  Nodes found;
  for (const config::Node* node : from) {
    const config::Node* value = node->find(name);
    if (value == nullptr) continue;
    if (value->kind == config::Kind::table) found.push_back(value);
    for (const config::Node& item : value->items) found.push_back(&item);
  }
  return found;
}

// The tables of a section such as "[upstream.NAME] endpoints".
Nodes section_nodes(const config::Node& root, std::string_view section) {
  Nodes nodes{&root};
  std::istringstream words{std::string(section)};
  for (std::string word; words >> word;) {
    std::erase_if(word, [](char c) { return c == '[' || c == ']'; });
    nodes = below(nodes, word.substr(0, word.find('.')));
    if (!word.ends_with(".NAME")) continue;
    Nodes named;
    for (const config::Node* node : nodes) {
      for (const config::Member& member : node->members) named.push_back(&member.value);
    }
    nodes = std::move(named);
  }
  return nodes;
}

TEST_CASE("config/example.toml is valid and has every key") {
  std::string text = repository_file("config/example.toml");
  auto configuration = load_configuration((repository() / "config" / "example.toml").string());
  if (!configuration) FAIL_CHECK(fmt::format("{}", fmt::join(configuration.error(), "\n")));

  // One key cannot stand beside its alternative: it is shown as a comment.
  const std::string commented = "# shards = ";
  REQUIRE(text.contains(commented));
  text.replace(text.find(commented), commented.size(), "shards = ");
  config::Problems problems("config/example.toml");
  auto root = config::parse_document(text, problems);
  REQUIRE(root.has_value());
  for (const auto& row : reference()) {
    bool is_shown = std::ranges::any_of(section_nodes(*root, row.section),
                                        [&](const config::Node* node) { return node->find(row.key) != nullptr; });
    if (!is_shown) FAIL_CHECK("config/example.toml lacks `", row.key, "` in ", row.section);
  }
}

TEST_CASE("docs/configuration.md has every field of the access log, in its order") {
  std::vector<std::string> documented;
  std::istringstream document(repository_file("docs/configuration.md"));
  bool is_field_table = false;
  for (std::string line; std::getline(document, line);) {
    if (line == "| field | type | present | meaning |") is_field_table = true;
    if (!line.starts_with('|')) is_field_table = false;
    if (!is_field_table || line.starts_with("| field |") || line.starts_with("|--")) continue;
    documented.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  std::vector<std::string> expected;
  expected.reserve(log_field_count);
  for (std::size_t i = 0; i < log_field_count; ++i) expected.emplace_back(to_string(static_cast<LogField>(i)));
  CHECK(fmt::format("{}", fmt::join(documented, " ")) == fmt::format("{}", fmt::join(expected, " ")));
}

TEST_CASE("the dump of config/example.toml has every key") {
  auto configuration = load_configuration((repository() / "config" / "example.toml").string());
  REQUIRE(configuration.has_value());
  const std::string text = dump_configuration(*configuration, configuration->effective());
  for (const auto& row : reference()) {
    const std::vector<std::string> ways{
        fmt::format("\n{} = ", row.key), fmt::format("\n# {}: ", row.key), fmt::format("\n# {} = ", row.key),
        fmt::format("[{}]\n", row.key),  fmt::format("[[{}]]\n", row.key), fmt::format("[{}.", row.key),
        fmt::format(".{}]", row.key),    fmt::format("{{ {} = ", row.key), fmt::format(", {} = ", row.key)};
    const std::string searched = "\n" + text;
    const bool is_there = std::ranges::any_of(ways, [&](const std::string& way) { return searched.contains(way); });
    if (!is_there) FAIL_CHECK("the dump lacks `", row.key, "` of ", row.section);
  }
}

TEST_CASE("the dump of config/example.toml is the same configuration") {
  auto configuration = load_configuration((repository() / "config" / "example.toml").string());
  REQUIRE(configuration.has_value());
  const std::string text = dump_configuration(*configuration, configuration->effective());
  CAPTURE(text);
  auto again = parse_configuration("dump", text);
  if (!again) FAIL(fmt::format("{}", fmt::join(again.error(), "\n")));
  CHECK(dump_configuration(*again, again->effective()) == text);
}

TEST_CASE("config/quickstart.toml is valid and matches everything") {
  auto configuration = parse_configuration("config/quickstart.toml", repository_file("config/quickstart.toml"));
  REQUIRE(configuration.has_value());
  CHECK(configuration->route_table(1).match({.host = "localhost", .path = "/"}) != nullptr);
  CHECK(configuration->log.is_access_on());
}

TEST_CASE("every default may also be written out") {
  std::string section;
  std::string text;
  std::size_t written = 0;
  for (const auto& row : reference()) {
    // A section that stands by itself and stands once.
    if (!row.section.starts_with('[') || row.section.starts_with("[[") || row.section.contains(".NAME")) continue;
    if (row.section != section) text += row.section + '\n';
    section = row.section;
    if (!is_value(row.standard)) continue;
    text += fmt::format("{} = {}\n", row.key, row.standard);
    ++written;
  }
  CAPTURE(text);
  CHECK(written > 15);
  config::Problems problems("defaults");
  auto root = config::parse_document(text, problems);
  REQUIRE(root.has_value());
  Configuration configuration;
  config::read(config::Cursor(*root, {}, problems), configuration_keys, configuration);
  auto errors = problems.lines();
  std::erase_if(errors, [](const std::string& error) { return error.contains("the file needs"); });
  CHECK(fmt::format("{}", fmt::join(errors, "\n")) == "");
}

}  // namespace
}  // namespace sluice::proxy
