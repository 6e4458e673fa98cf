#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/scalar.hpp"
#include "route/captures.hpp"

namespace sluice::route {

// "/v1/*" is the prefix "/v1": that path and everything below it. "/x" is the path "/x" alone. "{id}" in place of a
// segment stands for any one segment that is not empty.
struct PathPattern {
  std::string path;  // without the "/*" of a prefix; "{}" for each "{name}"; the prefix of everything is ""
  bool is_prefix = true;
  std::vector<std::string> names;  // of the "{name}" segments, in their order

  // Which paths they fit; names make no difference.
  friend auto operator<=>(const PathPattern& a, const PathPattern& b) {
    if (auto order = a.path <=> b.path; order != 0) return order;
    return a.is_prefix <=> b.is_prefix;
  }
  friend bool operator==(const PathPattern& a, const PathPattern& b) { return (a <=> b) == 0; }
};
[[nodiscard]] std::string to_string(const PathPattern& pattern);

inline constexpr std::string_view any_segment = "{}";

// Takes the first segment, with its slash, off a path that is not empty, and returns it without.
[[nodiscard]] constexpr std::string_view take_segment(std::string_view& path) {
  std::size_t end = 1;
  while (end < path.size() && path[end] != '/') ++end;
  std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

// The segments of `path` that the names of the pattern stand for; the pattern fits the path.
[[nodiscard]] Captures capture(const PathPattern& pattern, std::string_view path);
// How many bytes of `path` the pattern without "/*" covers; the pattern fits the path.
[[nodiscard]] std::size_t covered_bytes(const PathPattern& pattern, std::string_view path);

// Why a request's path, once normalised, can never be `path`; empty: it can.
[[nodiscard]] std::string_view unreachable_path(std::string_view path);
// A letter or '_', then letters, digits and '_'; at most 32 of them.
[[nodiscard]] bool is_capture_name(std::string_view name);

// The `path` of a route.
struct Path {
  static constexpr std::string_view type = "path";
  static config::Parsed<PathPattern> parse(std::string_view text);
};

}  // namespace sluice::route
