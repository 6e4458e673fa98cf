#include "config/cursor.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "config/file.hpp"
#include "config/scalar.hpp"
#include "config/toml_text.hpp"
#include "config/variables.hpp"

namespace sluice::config {
namespace {

// A value as messages show it.
std::string shown(const Node& node) {
  switch (node.kind) {
    case Kind::string:
      return fmt::format("the string {}", in_quotes(node.text));
    case Kind::integer:
      return fmt::format("the integer {}", node.integer);
    case Kind::boolean:
      return node.integer != 0 ? "true" : "false";
    case Kind::number:
    case Kind::moment:
      return node.text;
    case Kind::array:
    case Kind::table:
      return std::string(to_string(node.kind));
  }
  return {};
}

bool contains(Range range, std::int64_t value) {
  if (value < range.min || value > range.max) return false;
  return !range.is_power_of_two || std::has_single_bit(static_cast<std::uint64_t>(value));
}

std::string range_sentence(Range range, std::string_view min, std::string_view max, std::string_view value) {
  std::string_view power = range.is_power_of_two ? "a power of two " : "";
  return fmt::format("must be {}from {} to {}, not {}", power, min, max, value);
}

}  // namespace

std::optional<std::string_view> Cursor::text() const {
  if (!expect(Kind::string, "a string")) return std::nullopt;
  return node_.text;
}

std::optional<bool> Cursor::boolean() const {
  if (auto word = filled_word(); word && (*word == "true" || *word == "false")) return *word == "true";
  if (!expect(Kind::boolean, "true or false")) return std::nullopt;
  return node_.integer != 0;
}

std::optional<std::int64_t> Cursor::integer(Range range) const {
  std::int64_t value = node_.integer;
  auto word = filled_word();
  auto number = word ? ascii::parse_decimal(*word) : std::nullopt;
  if (number && *number <= INT64_MAX) {
    value = static_cast<std::int64_t>(*number);
  } else if (!expect(Kind::integer, "an integer")) {
    return std::nullopt;
  }
  if (contains(range, value)) return value;
  fail(range_sentence(range, fmt::to_string(range.min), fmt::to_string(range.max), fmt::to_string(value)));
  return std::nullopt;
}

std::optional<Duration> Cursor::duration(Range range) const {
  constexpr std::string_view wanted = "a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\"";
  if (!expect(Kind::string, wanted)) return std::nullopt;
  auto value = parse_duration(node_.text);
  if (!value) {
    fail(fmt::format("must be {}, not {}", wanted, in_quotes(node_.text)));
    return std::nullopt;
  }
  if (contains(range, value->count())) return value;
  fail(range_sentence(range, duration_text(Duration(range.min)), duration_text(Duration(range.max)),
                      in_quotes(node_.text)));
  return std::nullopt;
}

std::optional<std::int64_t> Cursor::size(Range bytes) const {
  constexpr std::string_view wanted = "a size, such as \"16KiB\", \"1MiB\" or a number of bytes";
  bool is_number = node_.kind == Kind::integer;
  if (!is_number && !expect(Kind::string, wanted)) return std::nullopt;
  auto value = is_number ? std::optional(node_.integer) : parse_size(node_.text);
  std::string given = is_number ? fmt::to_string(node_.integer) : in_quotes(node_.text);
  if (!value) {
    fail(fmt::format("must be {}, not {}", wanted, given));
    return std::nullopt;
  }
  if (contains(bytes, *value)) return value;
  fail(range_sentence(bytes, size_text(bytes.min), size_text(bytes.max), given));
  return std::nullopt;
}

std::optional<Secret> Cursor::secret() const {
  constexpr std::string_view scheme = "file:";
  if (node_.kind != Kind::string) {
    fail("must be a string");  // whatever it is, it may be the secret: it is not repeated
    return std::nullopt;
  }
  if (!expect(Kind::string, "a string")) return std::nullopt;
  std::string shown = node_.written.empty() ? toml_string(node_.text) : toml_literal(node_.written);
  if (!node_.text.starts_with(scheme)) return Secret{node_.text, std::move(shown)};
  const std::string path = beside(problems_.file(place()), node_.text.substr(scheme.size()));
  auto content = read_secret_file(path);
  if (!content) {
    fail(fmt::format("is to be read from {}, which {}", in_quotes(path), content.error()));
    return std::nullopt;
  }
  return Secret{std::move(*content), std::move(shown)};
}

std::optional<std::size_t> Cursor::choice(std::span<const std::string_view> names) const {
  std::string wanted = fmt::format("\"{}\"", fmt::join(names, "\" or \""));
  if (!expect(Kind::string, wanted)) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == node_.text) return i;
  }
  fail(fmt::format("must be {}, not {}{}", wanted, in_quotes(node_.text), suggestion(node_.text, names)));
  return std::nullopt;
}

bool Cursor::is_table() const { return expect(Kind::table, "a table"); }

bool Cursor::is_array() const { return expect(Kind::array, "an array"); }

bool Cursor::has_entries(Range allowed, std::size_t count) const {
  if (contains(allowed, static_cast<std::int64_t>(count))) return true;
  fail(fmt::format("must have from {} to {} entries, not {}", allowed.min, allowed.max, count));
  return false;
}

void Cursor::fail(std::string_view message) const { problems_.add(place(), fmt::format("{} {}", label_, message)); }

std::string_view Cursor::fail_unknown(const Member& member, std::span<const std::string_view> known) const {
  std::string where = label_.empty() ? "" : fmt::format(" in {}", label_);
  std::string hint = problems_.is_full() ? "" : suggestion(member.name, known);
  if (hint.empty() && !label_.empty() && std::ranges::find(top_level_, member.name) != top_level_.end()) {
    hint = "; the keys of the top level stand before the first section";
  }
  problems_.add(member.place, fmt::format("unknown key `{}`{}{}", one_line(member.name), where, hint));
  return nearest(member.name, known);
}

void Cursor::fail_missing(std::string_view what) const {
  problems_.add(place(), fmt::format("{} needs {}", label_.empty() ? "the file" : label_, what));
}

std::optional<std::string_view> Cursor::filled_word() const {
  if (node_.written.empty() || !node_.problem.empty()) return std::nullopt;
  return node_.text;
}

bool Cursor::expect(Kind kind, std::string_view wanted) const {
  if (!node_.problem.empty()) {
    fail(node_.problem);
    return false;
  }
  if (node_.kind == kind) return true;
  fail(fmt::format("must be {}, not {}", wanted, shown(node_)));
  return false;
}

}  // namespace sluice::config
