#include "app/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace sluice::app {

namespace {

constexpr std::array commands{Command::reload, Command::quit, Command::stop, Command::reopen};

constexpr std::string_view default_configuration = "/etc/sluice/sluice.toml";

std::expected<Command, std::string> parse_command(std::string_view text) {
  auto command = std::ranges::find(commands, text, [](Command known) { return to_string(known); });
  if (command != commands.end()) return *command;
  if (text == "upgrade")
    return std::unexpected("-s upgrade: this version cannot replace its own program while it runs");
  return std::unexpected(fmt::format("-s takes reload, quit, stop or reopen, not '{}'", text));
}

}  // namespace

std::string_view to_string(Command command) noexcept {
  switch (command) {
    case Command::reload:
      return "reload";
    case Command::quit:
      return "quit";
    case Command::stop:
      return "stop";
    case Command::reopen:
      return "reopen";
  }
  return "?";
}

std::string usage() {
  return fmt::format(
      "usage: sluice [-c FILE] [-t | -T | -s COMMAND | -v | -V | -h]\n"
      "  -c FILE  the configuration ({} unless given)\n"
      "  -t       check the configuration, and all that a start needs, and exit: 0 when it is good, 1 with every "
      "error\n"
      "           when it is not\n"
      "  -T       print the configuration with everything that holds by default or from other files, as one file\n"
      "  -s COMMAND  reload, quit (drain and end), stop (end at once) or reopen (the access log): tells the Sluice "
      "that\n"
      "           runs with this configuration; needs its `pid_file`\n"
      "  -v       print the version\n"
      "  -V       print the version, how it was built and what this host offers\n"
      "  -h       print this\n"
      "signals: TERM, QUIT drain and exit; a second one, or INT, exits at once; USR1 reopens the access log\n"
      "exit codes: 0 ended as asked, 1 could not start, 2 a second signal cut exchanges off, 3 the drain deadline "
      "did\n",
      default_configuration);
}

std::expected<Arguments, std::string> parse_arguments(std::span<char*> arguments) {
  Arguments result;
  result.configuration = default_configuration;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "-c") {
      if (++i == arguments.size()) return std::unexpected("option -c needs the path of a file");
      result.configuration = arguments[i];
    } else if (argument == "-t") {
      result.mode = Mode::test;
    } else if (argument == "-T") {
      result.mode = Mode::dump;
    } else if (argument == "-s") {
      if (++i == arguments.size()) return std::unexpected("option -s needs a command: reload, quit, stop or reopen");
      auto command = parse_command(arguments[i]);
      if (!command) return std::unexpected(std::move(command.error()));
      result.mode = Mode::command;
      result.command = *command;
    } else if (argument == "-v" || argument == "--version") {
      result.mode = Mode::version;
    } else if (argument == "-V") {
      result.mode = Mode::build;
    } else if (argument == "-h" || argument == "--help") {
      result.mode = Mode::help;
    } else {
      return std::unexpected(fmt::format("unknown argument '{}'; 'sluice -h' lists what there is", argument));
    }
  }
  return result;
}

}  // namespace sluice::app
