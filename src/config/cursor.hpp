#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "config/document.hpp"
#include "config/problems.hpp"

namespace sluice::config {

// What a number, duration (in nanoseconds), size (in bytes) or count of entries may be; both ends included.
struct Range {
  std::int64_t min = 0;
  std::int64_t max = INT64_MAX;
  bool is_power_of_two = false;

  constexpr Range() = default;
  constexpr Range(std::int64_t least, std::int64_t most) : min(least), max(most) {}
  constexpr Range(Duration least, Duration most) : min(least.count()), max(most.count()) {}

  // The powers of two of this range.
  [[nodiscard]] constexpr Range powers_of_two() const {
    Range range = *this;
    range.is_power_of_two = true;
    return range;
  }
};

// A value that not all is shown of.
struct Secret {
  std::string value;
  std::string shown;  // TOML, in its place: what the file says; empty: not set

  friend bool operator==(const Secret&, const Secret&) = default;
};

// What: a typed view on one value of the file. Every reader either gives a value or says what is wrong, at the value's
// place, with the value shown.
// Lifetime: within the tree and the problems that it was made from.
class Cursor {
 public:
  // label: what messages call it: "`backlog`", "[[route]]".
  Cursor(const Node& node, std::string label, Problems& problems)
      : node_(node), label_(std::move(label)), problems_(problems) {}

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] Place place() const { return node_.place; }

  [[nodiscard]] std::optional<std::string_view> text() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::int64_t> integer(Range range) const;
  [[nodiscard]] std::optional<Duration> duration(Range range) const;
  [[nodiscard]] std::optional<std::int64_t> size(Range bytes) const;
  // A string; "file:PATH": the content of that file. What the file or a variable says is not to be shown.
  [[nodiscard]] std::optional<Secret> secret() const;
  // Index of the text among `names`.
  [[nodiscard]] std::optional<std::size_t> choice(std::span<const std::string_view> names) const;
  // Whether it is a table, an array, and has an allowed count of entries.
  [[nodiscard]] bool is_table() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool has_entries(Range allowed, std::size_t count) const;

  [[nodiscard]] Cursor entry(std::size_t index, std::string label) const {
    return inside(node_.items[index], std::move(label));
  }
  [[nodiscard]] Cursor member(const Member& member, std::string label) const {
    return inside(member.value, std::move(label));
  }
  // Where the file begins. keys: of the top level; who writes one of them behind the first section is told so.
  void set_top_level(std::span<const std::string_view> keys) { top_level_ = keys; }

  // "`label` <message>" at the value's place.
  void fail(std::string_view message) const;
  // Gives the one of `known` that may have been meant, or nothing.
  std::string_view fail_unknown(const Member& member, std::span<const std::string_view> known) const;
  void fail_missing(std::string_view what) const;
  void fail_at(Place place, std::string message) const { problems_.add(place, std::move(message)); }

 private:
  [[nodiscard]] Cursor inside(const Node& node, std::string label) const {
    Cursor cursor(node, std::move(label), problems_);
    cursor.top_level_ = top_level_;
    return cursor;
  }
  [[nodiscard]] bool expect(Kind kind, std::string_view wanted) const;
  // The word in a string that came out of a variable, where a number or a boolean is wanted: these have no quotes.
  [[nodiscard]] std::optional<std::string_view> filled_word() const;

  const Node& node_;
  std::string label_;
  Problems& problems_;
  std::span<const std::string_view> top_level_;
};

}  // namespace sluice::config
