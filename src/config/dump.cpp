#include "config/dump.hpp"

#include <fmt/format.h>

#include "config/toml_text.hpp"

namespace sluice::config {

void Dump::value(std::string_view name, std::string_view text) {
  text_ += fmt::format("{} = {}\n", toml_key(name), text);
}

void Dump::absent(std::string_view name, std::string_view effective, std::string_view words) {
  if (words.empty()) words = "not set";
  std::string line =
      effective.empty() ? fmt::format("# {}: {}", name, words) : fmt::format("# {} = {} ({})", name, effective, words);
  for (std::size_t i = line.find('\n'); i != std::string::npos; i = line.find('\n', i + 1)) line.replace(i, 1, "\n# ");
  text_ += line + '\n';
}

void Dump::absent_section(std::string_view name, std::string_view words) {
  enter_path(name);
  text_ += fmt::format("\n# [{}]: {}\n", fmt::join(path_, "."), words);
  leave();
}

void Dump::enter_table(std::string_view name) { enter(name, "[", "]"); }

void Dump::enter_element(std::string_view name) { enter(name, "[[", "]]"); }

void Dump::enter_path(std::string_view name) { path_.push_back(toml_key(name)); }

void Dump::leave() { path_.pop_back(); }

void Dump::enter(std::string_view name, std::string_view open, std::string_view close) {
  enter_path(name);
  text_ += fmt::format("\n{}{}{}\n", open, fmt::join(path_, "."), close);
}

}  // namespace sluice::config
