#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "http/field.hpp"

// What must survive forwarding, said a second time and plainly, so that the writer can be held against it.
namespace sluice::http::fuzz {

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// The lower-case options of all Connection fields.
inline std::vector<std::string> connection_options(const FieldList& fields) {
  std::vector<std::string> out;
  for (const Field& field : fields) {
    if (lower(field.name) != "connection") continue;
    std::string option;
    for (char c : std::string(field.value) + ",") {
      if (c == ',') {
        if (!option.empty()) out.push_back(option);
        option.clear();
      } else if (c != ' ' && c != '\t') {
        option += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
    }
  }
  return out;
}

using FieldText = std::pair<std::string, std::string>;

// The fields (name as received, value) that neither `dropped` nor Connection takes away.
inline std::vector<FieldText> surviving_fields(const FieldList& fields, const std::vector<std::string>& dropped) {
  const std::vector<std::string> options = connection_options(fields);
  std::vector<FieldText> out;
  for (const Field& field : fields) {
    const std::string name = lower(field.name);
    if (std::ranges::find(dropped, name) != dropped.end()) continue;
    const bool is_protected = name == "via" || name == "date" || name.starts_with("x-forwarded-");
    if (!is_protected && std::ranges::find(options, name) != options.end()) continue;
    out.emplace_back(std::string(field.name), std::string(field.value));
  }
  return out;
}

// Removes the last field of that lower-case name, which the writer added; its value must be `value`.
inline void remove_added(std::vector<FieldText>& fields, std::string_view name, std::string_view value) {
  auto last = std::find_if(fields.rbegin(), fields.rend(), [&](const FieldText& f) { return lower(f.first) == name; });
  SLUICE_ASSERT(last != fields.rend());
  SLUICE_ASSERT(last->second == value);
  fields.erase(std::next(last).base());
}

inline bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace sluice::http::fuzz
