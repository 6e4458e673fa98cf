#include "app/arguments.hpp"

#include <fmt/format.h>

#include <string_view>

namespace sluice::app {

namespace {

constexpr std::string_view default_configuration = "/etc/sluice/sluice.toml";

}  // namespace

std::string usage() {
  return fmt::format(
      "usage: sluice [-c FILE] [-t] [-v] [-V] [-h]\n"
      "  -c FILE  the configuration ({} unless given)\n"
      "  -t       check the configuration and exit: 0 when it is good, 1 with every error when it is not\n"
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
