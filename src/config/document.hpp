#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"

namespace sluice::config {

enum class Kind : std::uint8_t { string, integer, number, boolean, moment, array, table };

// With its article, as messages use it: "an integer".
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

struct Member;

// One value of the file. A tree of plain values: nothing of the TOML library shows.
struct Node {
  Kind kind = Kind::table;
  Place place;
  std::string text;             // string: its value; number and moment: as written in TOML
  std::string written;          // string with `${…}` in it: as it was written
  std::string problem;          // string that cannot be used: what is wrong with it, told when it is read
  std::int64_t integer = 0;     // integer; boolean: 0 or 1
  std::vector<Node> items;      // array
  std::vector<Member> members;  // table, in the order of the file; where files were joined, a name may stand twice
  bool is_partial = false;      // the whole of some files: others could not be read

  [[nodiscard]] const Node* find(std::string_view name) const;
};

struct Member {
  std::string name;
  Place place;  // of the name
  Node value;
};

inline constexpr std::size_t file_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t depth_max = 16;

// The tree of a TOML text, or nothing after saying why in `problems`. file: number of the file that it is in
// `problems`.
// `${…}` in strings is replaced by what the environment says.
[[nodiscard]] std::optional<Node> parse_document(std::string_view text, Problems& problems, std::uint32_t file = 0);

}  // namespace sluice::config
