#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

// Where something stands in the file, both counted from 1. Line 0: the file as a whole.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};

// A value that remembers where it was written, for what is checked after reading.
template <class T>
struct Placed {
  T value{};
  Place place{};
};

struct Problem {
  Place place;
  std::string message;
};

// What: everything that is wrong with one file, so that the operator repairs it in one go.
// Invariants: in the order of the file; the first `kept_max` that were found are kept, the rest are counted.
class Problems {
 public:
  static constexpr std::size_t kept_max = 100;

  explicit Problems(std::string file) : file_(std::move(file)) {}

  void add(Place place, std::string message);

  [[nodiscard]] bool is_empty() const { return kept_.empty(); }
  [[nodiscard]] std::size_t count() const { return kept_.size() + dropped_; }
  // Whether another problem would only be counted; then there is no need to look for a suggestion.
  [[nodiscard]] bool is_full() const { return kept_.size() == kept_max; }
  // `file:line:column`, or `file` for the file as a whole.
  [[nodiscard]] std::string place_text(Place place) const;
  // One line for each problem, in the order of the file: `file:line:column: message`.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::string file_;
  std::vector<Problem> kept_;
  std::size_t dropped_ = 0;
};

// "; did you mean `x`?" for the candidate nearest to `word`, or nothing when none is near.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

// `text` as messages show it: on one line, cut when long; in_quotes: in double quotes.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t shown_max = 60);
[[nodiscard]] inline std::string in_quotes(std::string_view text) { return '"' + one_line(text) + '"'; }

}  // namespace sluice::config
