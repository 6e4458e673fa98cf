#pragma once

#include <cstddef>

// Every fixed bound of the program. A bound that an operator may want to move is a setting, with its default here.
namespace sluice::limits {

inline constexpr std::size_t head_bytes_max = 32 * 1024;    // request or response head, start line included
inline constexpr std::size_t head_fields_max = 128;         // field lines in one head
inline constexpr std::size_t target_bytes_max = 8 * 1024;   // request target
inline constexpr std::size_t trailer_bytes_max = 8 * 1024;  // trailer section of one message
inline constexpr std::size_t chunk_line_bytes_max = 256;    // chunk size with its extensions

}  // namespace sluice::limits
