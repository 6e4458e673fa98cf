#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/scalar.hpp"

namespace sluice::net {

// Permissions of a file, as chmod(1) takes them.
struct FileMode {
  std::uint32_t bits = 0;
  friend bool operator==(const FileMode&, const FileMode&) = default;
};
[[nodiscard]] std::string to_string(FileMode mode);  // "0660"

// Three octal digits for owner, group and others, with a 0 in front or without; no set-id bits.
struct FileModeText {
  static constexpr std::string_view type = "file mode";
  static config::Parsed<FileMode> parse(std::string_view text);
};

}  // namespace sluice::net
