#include "config/variables.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "config/problems.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view opening = "${";
constexpr std::string_view fallback_mark = ":-";
constexpr std::size_t filled_bytes_max = 64 * 1024;

bool is_variable_name(std::string_view name) {
  auto is_letter = [](char c) {
    char l = ascii::lower(c);
    return (l >= 'a' && l <= 'z') || c == '_';
  };
  if (name.empty() || !is_letter(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) { return is_letter(c) || ascii::is_digit(c); });
}

// How many bytes the character at the front has in UTF-8 (RFC 3629 §4); 0: it is none.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  // Overlong forms, surrogates, and what lies past the last character.
  const unsigned char second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// What stands between the braces of `${…}`, filled in.
std::expected<std::string_view, std::string> value_of(std::string_view reference) {
  const std::size_t mark = reference.find(fallback_mark);
  const std::string name(reference.substr(0, mark));
  if (!is_variable_name(name)) {
    return std::unexpected(fmt::format(
        "has `${{{}}}`, which is neither ${{NAME}} nor ${{NAME:-text}}; write $${{ for ${{", one_line(reference)));
  }
  // Nobody changes the environment of this process.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (mark != std::string_view::npos && (value == nullptr || *value == '\0')) {
    return reference.substr(mark + fallback_mark.size());
  }
  if (value == nullptr)
    return std::unexpected(fmt::format("needs the environment variable {}, which is not set", name));
  if (!is_utf8(value))
    return std::unexpected(fmt::format("needs the environment variable {}, which is not UTF-8", name));
  return value;
}

}  // namespace

bool has_variables(std::string_view text) { return text.contains(opening); }

std::expected<std::string, std::string> fill_variables(std::string_view text) {
  std::string filled;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("$${")) {
      filled += opening;
      i += 3;
    } else if (!rest.starts_with(opening)) {
      filled += text[i++];
    } else {
      const std::size_t end = rest.find('}');
      if (end == std::string_view::npos) return std::unexpected("has `${` without `}`; write $${ for ${");
      const std::string_view reference = rest.substr(opening.size(), end - opening.size());
      if (reference.contains(opening)) return std::unexpected("has `${` inside of `${…}`");
      auto value = value_of(reference);
      if (!value) return std::unexpected(std::move(value.error()));
      filled += *value;
      i += end + 1;
    }
    if (filled.size() > filled_bytes_max) {
      return std::unexpected(fmt::format("has more than {} bytes once its variables are filled in", filled_bytes_max));
    }
  }
  return filled;
}

}  // namespace sluice::config
