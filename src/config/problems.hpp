#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace sluice::config {

// Where something stands, line and column counted from 1. Line 0: the file as a whole.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t file = 0;  // Problems::file; 0: the file that was asked for, others are included

  friend bool operator==(const Place&, const Place&) = default;
  friend auto operator<=>(const Place& a, const Place& b) {
    return std::tie(a.file, a.line, a.column) <=> std::tie(b.file, b.line, b.column);
  }
};

// A value that remembers where it was written, for what is checked after reading. Two are equal wherever they stand.
template <class T>
struct Placed {
  T value{};
  Place place{};

  friend bool operator==(const Placed& a, const Placed& b) { return a.value == b.value; }
};

// `file:line:column`, or `file` for the file as a whole.
[[nodiscard]] std::string place_text(std::span<const std::string> files, Place place);

struct Problem {
  Place place;
  std::string message;
};

// What: everything that is wrong with a file and those that it includes, so that the operator repairs it in one go.
// Invariants: in the order of the files; the first `kept_max` that were found are kept, the rest are counted.
class Problems {
 public:
  static constexpr std::size_t kept_max = 100;

  explicit Problems(std::string file) { add_file(std::move(file)); }
  // files: all that a Place may be in, the one that was asked for first.
  explicit Problems(std::vector<std::string> files) : files_(std::move(files)) {}

  // Names one more file; its number is what a Place in it carries.
  std::uint32_t add_file(std::string path);
  [[nodiscard]] const std::string& file(Place place) const { return files_[place.file]; }
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

  void add(Place place, std::string message);

  [[nodiscard]] bool is_empty() const { return kept_.empty(); }
  [[nodiscard]] std::size_t count() const { return kept_.size() + dropped_; }
  // Whether another problem would only be counted; then there is no need to look for a suggestion.
  [[nodiscard]] bool is_full() const { return kept_.size() == kept_max; }
  // `file:line:column`, or `file` for the file as a whole.
  [[nodiscard]] std::string place_text(Place place) const { return config::place_text(files_, place); }
  // One line for each problem, in the order of the files: `file:line:column: message`.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::vector<std::string> files_;
  std::vector<Problem> kept_;
  std::size_t dropped_ = 0;
};

// The candidate that `word` is probably a misspelling of; empty: none is near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// "; did you mean `x`?" for that candidate, or nothing.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

// `text` as messages show it: on one line, cut when long; in_quotes: in double quotes.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t shown_max = 60);
[[nodiscard]] inline std::string in_quotes(std::string_view text) { return '"' + one_line(text) + '"'; }

}  // namespace sluice::config
