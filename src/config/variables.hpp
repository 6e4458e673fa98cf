#pragma once

#include <expected>
#include <string>
#include <string_view>

// `${NAME}` in a string stands for the environment variable NAME, and `${NAME:-text}` for `text` where NAME is unset or
// empty; `$${` stands for `${`. Any other `$` stands for itself: regular expressions end in one.
namespace sluice::config {

[[nodiscard]] bool has_variables(std::string_view text);

// The text with its variables filled in. Error: the second half of the sentence "`key` …".
[[nodiscard]] std::expected<std::string, std::string> fill_variables(std::string_view text);

}  // namespace sluice::config
