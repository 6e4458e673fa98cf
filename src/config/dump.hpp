#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// What: writes the effective configuration as a TOML text, section by section. What is not set stands there as a
// comment, with what holds in its place.
class Dump {
 public:
  // `name = text`; text: TOML.
  void value(std::string_view name, std::string_view text);
  // A key that is not set. effective: what holds, as TOML, if it is known; words: where that comes from.
  void absent(std::string_view name, std::string_view effective, std::string_view words);

  // A section that is not there.
  void absent_section(std::string_view name, std::string_view words);

  // [path.name] or [[path.name]], until leave().
  void enter_table(std::string_view name);
  void enter_element(std::string_view name);
  // A part of the path that has no header of its own, until leave().
  void enter_path(std::string_view name);
  void leave();

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void enter(std::string_view name, std::string_view open, std::string_view close);

  std::string text_;
  std::vector<std::string> path_;  // keys as TOML
};

}  // namespace sluice::config
