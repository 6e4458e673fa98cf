#include "config/toml_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.hpp"

namespace sluice::config {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

std::string toml_string(std::string_view value) {
  std::string escaped;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value.substr(i, 2) == "${") escaped += '$';
    escaped += value[i];
  }
  return quoted(escaped);
}

std::string toml_literal(std::string_view written) { return quoted(written); }

std::string toml_key(std::string_view name) {
  auto is_bare = [](char c) {
    char l = ascii::lower(c);
    return (l >= 'a' && l <= 'z') || ascii::is_digit(c) || c == '_' || c == '-';
  };
  return !name.empty() && std::ranges::all_of(name, is_bare) ? std::string(name) : quoted(name);
}

std::string toml_array(std::span<const std::string> values) {
  constexpr std::size_t line_bytes_max = 100;
  std::string line = fmt::format("[{}]", fmt::join(values, ", "));
  if (line.size() <= line_bytes_max || values.size() < 2) return line;
  return fmt::format("[\n  {},\n]", fmt::join(values, ",\n  "));
}

std::string toml_table(std::span<const std::pair<std::string, std::string>> members) {
  std::string text = "{";
  for (const auto& [name, value] : members)
    text += fmt::format("{} {} = {}", text.size() == 1 ? "" : ",", toml_key(name), value);
  return text + (members.empty() ? "}" : " }");
}

}  // namespace sluice::config
