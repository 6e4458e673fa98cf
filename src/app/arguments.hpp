#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace sluice::app {

enum class Mode : unsigned char { serve, test, dump, command, version, build, help };

// What `-s` asks of the process that runs.
enum class Command : unsigned char { reload, quit, stop, reopen };
[[nodiscard]] std::string_view to_string(Command command) noexcept;

struct Arguments {
  Mode mode = Mode::serve;
  std::string configuration;          // path
  Command command = Command::reload;  // with Mode::command
};

// Parses what follows the program's name. Error: one sentence.
[[nodiscard]] std::expected<Arguments, std::string> parse_arguments(std::span<char*> arguments);

[[nodiscard]] std::string usage();

}  // namespace sluice::app
