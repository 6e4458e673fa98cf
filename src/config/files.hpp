#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "config/key.hpp"
#include "config/problems.hpp"

// The files behind a configuration. All of it blocks: for the control thread.
namespace sluice::config {

// The key that includes files, and how many patterns it may have.
inline constexpr std::string_view include_key = "include";
inline constexpr Range include_patterns{1, 64};
// How deep included files may include others, and how many files and bytes one configuration may come from.
inline constexpr std::size_t include_depth_max = 8;
inline constexpr std::size_t files_max = 1024;
inline constexpr std::size_t files_bytes_max = 64 * 1024 * 1024;

// The tree of a file and of what it includes, joined: arrays of tables one behind the other, tables by name beside each
// other. What stands in two files and can do so in one only is told in `problems`, and in the tree twice. A file that
// cannot be read is told as well, and the tree of the others is partial.
[[nodiscard]] Node load_files(const std::string& path, std::span<const TopLevelKey> keys, Problems& problems);

}  // namespace sluice::config
