#pragma once

#include <expected>
#include <span>
#include <string>

namespace sluice::app {

enum class Mode : unsigned char { serve, test, version, build, help };

struct Arguments {
  Mode mode = Mode::serve;
  std::string configuration;  // path
};

// Parses what follows the program's name. Error: one sentence.
[[nodiscard]] std::expected<Arguments, std::string> parse_arguments(std::span<char*> arguments);

[[nodiscard]] std::string usage();

}  // namespace sluice::app
