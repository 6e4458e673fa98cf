#include "net/file_mode.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/problems.hpp"

namespace sluice::net {

std::string to_string(FileMode mode) { return fmt::format("{:04o}", mode.bits); }

config::Parsed<FileMode> FileModeText::parse(std::string_view text) {
  auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  const std::string_view digits = text.size() == 4 && text.starts_with('0') ? text.substr(1) : text;
  if (digits.size() != 3 || !std::ranges::all_of(digits, is_octal)) {
    return std::unexpected(
        fmt::format("must be three octal digits, such as \"0600\" or \"0660\", not {}", config::in_quotes(text)));
  }
  FileMode mode;
  for (char digit : digits) mode.bits = mode.bits * 8 + static_cast<std::uint32_t>(digit - '0');
  return mode;
}

}  // namespace sluice::net
