#include "route/regex.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/stringpiece.h>

#include "base/assert.hpp"
#include "config/problems.hpp"

namespace sluice::route {
namespace {

re2::RE2::Options options() {
  re2::RE2::Options options;
  // Paths are ASCII, field values are bytes: nothing in them need be UTF-8.
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_max_mem(Regex::memory_max);
  options.set_log_errors(false);
  return options;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::vector<std::string> names_of(const re2::RE2& expression) {
  std::vector<std::string> names;
  for (int i = 1; i <= expression.NumberOfCapturingGroups(); ++i) names.push_back(fmt::to_string(i));
  for (const auto& [number, name] : expression.CapturingGroupNames())
    names[static_cast<std::size_t>(number) - 1] = name;
  return names;
}

}  // namespace

std::expected<Regex, std::string> Regex::compile(std::string_view text, unsigned copies) {
  SLUICE_ASSERT(copies > 0);
  if (text.empty()) return std::unexpected("must not be empty");
  if (text.size() > text_bytes_max)
    return std::unexpected(fmt::format("must be at most {} bytes long", text_bytes_max));
  auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(text, is_plain)) {
    return std::unexpected("must be printable ASCII, with other bytes written as \\xHH");
  }
  Regex regex;
  regex.text_ = text;
  for (unsigned i = 0; i < copies; ++i) {
    auto copy = std::make_shared<const re2::RE2>(piece(text), options());
    if (!copy->ok())
      return std::unexpected(
          fmt::format("must be a regular expression, not {}: {}", config::in_quotes(text), copy->error()));
    regex.copies_.push_back(std::move(copy));
  }
  regex.group_names_ = names_of(*regex.copies_.front());
  if (regex.group_names_.size() > Captures::count_max) {
    return std::unexpected(
        fmt::format("must have at most {} groups; `(?:` begins one that is not counted", Captures::count_max));
  }
  return regex;
}

bool Regex::matches(std::string_view subject, unsigned shard) const {
  SLUICE_ASSERT(shard < copies_.size());
  return copies_[shard]->Match(piece(subject), 0, subject.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

Captures Regex::capture(std::string_view subject, unsigned shard) const {
  SLUICE_ASSERT(shard < copies_.size());
  std::array<re2::StringPiece, Captures::count_max + 1> groups;  // the first is the whole
  auto count = static_cast<int>(group_names_.size()) + 1;
  bool has_matched =
      copies_[shard]->Match(piece(subject), 0, subject.size(), re2::RE2::ANCHOR_BOTH, groups.data(), count);
  Captures captures;
  for (std::size_t i = 1; i <= group_names_.size(); ++i) {
    captures.add(has_matched ? std::string_view(groups[i].data(), groups[i].size()) : std::string_view());
  }
  return captures;
}

}  // namespace sluice::route
