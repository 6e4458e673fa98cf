#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// TOML as the effective dump and the reference write it.
namespace sluice::config {

// A string value: in quotes, escaped, and so that `${` in it stands for itself when it is read again.
[[nodiscard]] std::string toml_string(std::string_view value);
// A string value whose `${` is to be filled in again.
[[nodiscard]] std::string toml_literal(std::string_view written);
// A key: bare where it may be, else in quotes.
[[nodiscard]] std::string toml_key(std::string_view name);
// An array of values that are TOML already: on one line, or one line for each when that would be long.
[[nodiscard]] std::string toml_array(std::span<const std::string> values);
// "{ a = 1, b = 2 }" of names and values that are TOML already.
[[nodiscard]] std::string toml_table(std::span<const std::pair<std::string, std::string>> members);

}  // namespace sluice::config
