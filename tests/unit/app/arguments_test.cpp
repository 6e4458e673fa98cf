#include "app/arguments.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::app {
namespace {

using Words = std::vector<std::string>;

auto parse(Words words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return parse_arguments(pointers);
}

TEST_CASE("what the command line asks for") {
  constexpr std::string_view usual = "/etc/sluice/sluice.toml";
  struct Row {
    Words words;
    Mode mode;
    std::string_view configuration;
  };
  const Row rows[] = {
      {{}, Mode::serve, usual},
      {{"-c", "my.toml"}, Mode::serve, "my.toml"},
      {{"-c", "-t"}, Mode::serve, "-t"},
      {{"-c", "a", "-c", "b"}, Mode::serve, "b"},
      {{"-t"}, Mode::test, usual},
      {{"-t", "-c", "my.toml"}, Mode::test, "my.toml"},
      {{"-c", "my.toml", "-t"}, Mode::test, "my.toml"},
      {{"-T"}, Mode::dump, usual},
      {{"-T", "-c", "my.toml"}, Mode::dump, "my.toml"},
      {{"-s", "reload"}, Mode::command, usual},
      {{"-c", "my.toml", "-s", "stop"}, Mode::command, "my.toml"},
      {{"-v"}, Mode::version, usual},
      {{"--version"}, Mode::version, usual},
      {{"-V"}, Mode::build, usual},
      {{"-h"}, Mode::help, usual},
      {{"--help"}, Mode::help, usual},
  };
  for (const Row& row : rows) {
    auto arguments = parse(row.words);
    REQUIRE(arguments.has_value());
    CHECK(arguments->mode == row.mode);
    CHECK(arguments->configuration == row.configuration);
  }
}

TEST_CASE("what is refused, and how") {
  struct Row {
    Words words;
    std::string_view sentence;
  };
  const Row rows[] = {
      {{"-c"}, "option -c needs the path of a file"},
      {{"-t", "-c"}, "option -c needs the path of a file"},
      {{"-x"}, "unknown argument '-x'; 'sluice -h' lists what there is"},
      {{"-cmy.toml"}, "unknown argument '-cmy.toml'; 'sluice -h' lists what there is"},
      {{"-tv"}, "unknown argument '-tv'; 'sluice -h' lists what there is"},
      {{"-s"}, "option -s needs a command: reload, quit, stop or reopen"},
      {{"-c", "x", "-s"}, "option -s needs a command: reload, quit, stop or reopen"},
      {{"-s", "upgrade"}, "-s upgrade: this version cannot replace its own program while it runs"},
      {{"-s", ""}, "-s takes reload, quit, stop or reopen, not ''"},
      {{"-s", "RELOAD"}, "-s takes reload, quit, stop or reopen, not 'RELOAD'"},
      {{"-s", "-c"}, "-s takes reload, quit, stop or reopen, not '-c'"},
      {{"-s", "term"}, "-s takes reload, quit, stop or reopen, not 'term'"},
      {{"-sreload"}, "unknown argument '-sreload'; 'sluice -h' lists what there is"},
      {{"--test"}, "unknown argument '--test'; 'sluice -h' lists what there is"},
      {{"my.toml"}, "unknown argument 'my.toml'; 'sluice -h' lists what there is"},
      {{"-c", "a", "b"}, "unknown argument 'b'; 'sluice -h' lists what there is"},
      {{""}, "unknown argument ''; 'sluice -h' lists what there is"},
      {{"-"}, "unknown argument '-'; 'sluice -h' lists what there is"},
      {{"--"}, "unknown argument '--'; 'sluice -h' lists what there is"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sentence);
    auto arguments = parse(row.words);
    REQUIRE_FALSE(arguments.has_value());
    CHECK(arguments.error() == row.sentence);
  }
}

TEST_CASE("every command of -s") {
  for (Command command : {Command::reload, Command::quit, Command::stop, Command::reopen}) {
    auto arguments = parse({"-s", std::string(to_string(command))});
    REQUIRE(arguments.has_value());
    CHECK(arguments->command == command);
  }
}

TEST_CASE("the usage names every option that there is") {
  const std::string text = usage();
  for (std::string_view option : {"-c FILE", "-t ", "-T ", "-s COMMAND", "reload", "quit", "stop", "reopen", "-v ",
                                  "-V ", "-h ", "/etc/sluice/sluice.toml"}) {
    CAPTURE(option);
    CHECK(text.contains(option));
  }
}

}  // namespace
}  // namespace sluice::app
