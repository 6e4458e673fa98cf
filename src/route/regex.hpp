#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "route/captures.hpp"

namespace re2 {
class RE2;
}  // namespace re2

namespace sluice::route {

// What: a regular expression that a whole text has to fit, in time linear in the text. The only user of RE2.
// Shard: any, each with its own number. RE2 builds its automaton while it matches, behind locks; so every shard has a
//        copy of its own, whose locks nobody else ever holds and whose lines no other core touches.
// Lifetime: a value; copies of it share the compiled expression.
// Invariants: compiled. A copy takes at most memory_max for program and automaton: an automaton that outgrows its part
//             is begun anew, and when that happens too often RE2 goes on without one, which is slower and still linear.
class Regex {
 public:
  static constexpr std::size_t text_bytes_max = 1024;
  static constexpr std::int64_t memory_max = std::int64_t{256} * 1024;  // bytes, for each copy

  // copies: number of shards. Bytes are matched as they are, not as characters. Errors: the reason, as a sentence's
  // end.
  [[nodiscard]] static std::expected<Regex, std::string> compile(std::string_view text, unsigned copies = 1);

  // Whether all of `subject` fits. Does not allocate once the automaton has seen what there is to see.
  [[nodiscard]] bool matches(std::string_view subject, unsigned shard) const;
  // Its groups, in a subject that matches; one that took no part is empty. May allocate.
  [[nodiscard]] Captures capture(std::string_view subject, unsigned shard) const;

  [[nodiscard]] const std::string& text() const { return text_; }
  // One for each group: its name, or its number.
  [[nodiscard]] const std::vector<std::string>& group_names() const { return group_names_; }

 private:
  Regex() = default;

  std::string text_;
  std::vector<std::string> group_names_;
  std::vector<std::shared_ptr<const re2::RE2>> copies_;
};

}  // namespace sluice::route
