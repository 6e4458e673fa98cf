#include "../../../tools/load/options.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace sluice;
using namespace std::chrono_literals;
using load::parse_options;

namespace {

using Arguments = std::vector<std::string_view>;

}  // namespace

TEST_CASE("load: what holds without options") {
  const Arguments arguments{"http://a/"};
  const auto options = parse_options(arguments);
  REQUIRE(options.has_value());
  CHECK(options->urls == std::vector<load::WeightedUrl>{{1, "http://a/"}});
  CHECK(options->connections == 10);
  CHECK(options->duration == Duration(10s));
  CHECK(options->method == "GET");
  CHECK(options->keep_alive);
  CHECK(options->rate == 0);
}

TEST_CASE("load: options in all their spellings") {
  const Arguments rows[] = {
      {"-c", "64", "-d", "2s", "http://a/"},
      {"-c64", "-d2s", "http://a/"},
      {"--connections=64", "--duration=2s", "http://a/"},
      {"http://a/", "--connections", "64", "--duration", "2000ms"},
      {"-d", "2", "-c", "1", "-c", "64", "http://a/"},  // the last one counts
  };
  for (const Arguments& arguments : rows) {
    const auto options = parse_options(arguments);
    REQUIRE(options.has_value());
    CHECK(options->connections == 64);
    CHECK(options->duration == Duration(2s));
  }
}

TEST_CASE("load: every option has an effect") {
  const Arguments arguments{"-t",         "2",
                            "--cpu",      "3",
                            "--server",   "4711",
                            "-n",         "7",
                            "--warm-up",  "1s",
                            "-R",         "500",
                            "--pipeline", "4",
                            "--timeout",  "250ms",
                            "--connect",  "unix:@x",
                            "-m",         "PUT",
                            "-b",         "2K",
                            "-H",         "A: b",
                            "-H",         "C: d",
                            "--verify",   "--expect-bytes",
                            "1M",         "--allow-errors",
                            "-q",         "--json",
                            "out",        "--urls",
                            "list"};
  const auto options = parse_options(arguments);
  REQUIRE(options.has_value());
  CHECK(options->threads == 2);
  CHECK(options->first_cpu == 3);
  CHECK(options->server == 4711);
  CHECK(options->requests == 7);
  CHECK_FALSE(options->duration.has_value());
  CHECK(options->warm_up == Duration(1s));
  CHECK(options->rate == 500);
  CHECK(options->pipeline == 4);
  CHECK(options->timeout == Duration(250ms));
  CHECK(options->connect == "unix:@x");
  CHECK(options->method == "PUT");
  CHECK(options->body_bytes == 2048);
  CHECK(options->headers == std::vector<std::string>{"A: b", "C: d"});
  CHECK(options->verify);
  CHECK(options->expected_bytes == std::uint64_t{1} << 20);
  CHECK(options->allow_errors);
  CHECK(options->quiet);
  CHECK(options->json_file == "out");
  CHECK(options->url_file == "list");
}

TEST_CASE("load: a body makes it a POST, even an empty one") {
  const Arguments arguments{"-b", "0", "http://a/"};
  CHECK(parse_options(arguments)->method == "POST");
  const Arguments with_method{"-b", "5", "--method", "PATCH", "http://a/"};
  CHECK(parse_options(with_method)->method == "PATCH");
}

TEST_CASE("load: arguments that are refused, by name") {
  struct Row {
    Arguments arguments;
    std::string_view named;  // in the sentence
  };
  const Row rows[] = {
      {{}, "URL"},
      {{"-c", "64"}, "URL"},
      {{"-c", "0", "http://a/"}, "--connections 0"},
      {{"-c", "1000000", "http://a/"}, "--connections"},
      {{"-c", "x", "http://a/"}, "--connections x"},
      {{"-c", "-1", "http://a/"}, "--connections -1"},
      {{"http://a/", "-c"}, "'-c' lacks"},
      {{"--connections=", "http://a/"}, "--connections"},
      {{"--conections=4", "http://a/"}, "--conections"},
      {{"--bogus", "http://a/"}, "--bogus"},
      {{"-x", "http://a/"}, "-x"},
      {{"-", "http://a/"}, "'-'"},
      {{"--verify=yes", "http://a/"}, "--verify=yes"},
      {{"-d", "0s", "http://a/"}, "--duration 0s"},
      {{"-d", "10 s", "http://a/"}, "--duration"},
      {{"-d", "10d", "http://a/"}, "--duration 10d"},
      {{"-d", "s", "http://a/"}, "--duration s"},
      {{"-d", "99999999h", "http://a/"}, "--duration"},
      {{"-n", "0", "http://a/"}, "--requests 0"},
      {{"-R", "0", "http://a/"}, "--rate 0"},
      {{"-R", "1.5", "http://a/"}, "--rate 1.5"},
      {{"--pipeline", "0", "http://a/"}, "--pipeline 0"},
      {{"--pipeline", "257", "http://a/"}, "--pipeline 257"},
      {{"--timeout", "0", "http://a/"}, "--timeout 0"},
      {{"-t", "0", "http://a/"}, "--threads 0"},
      {{"--server", "0", "http://a/"}, "--server 0"},
      {{"--server", "-1", "http://a/"}, "--server -1"},
      {{"--server", "4194305", "http://a/"}, "--server 4194305"},
      {{"-t", "11", "http://a/"}, "each thread"},
      {{"-R", "1", "-t", "2", "http://a/"}, "--rate"},
      {{"--no-keep-alive", "--pipeline", "2", "http://a/"}, "exclude"},
      {{"-m", "", "http://a/"}, "--method"},
      {{"-m", "A B", "http://a/"}, "--method A B"},
      {{"-m", "CONNECT", "http://a/"}, "--method CONNECT"},
      {{"-b", "5G", "http://a/"}, "--body-bytes 5G"},
      {{"-b", "2048M", "http://a/"}, "--body-bytes"},
      {{"-b", "99999999999999999999", "http://a/"}, "--body-bytes"},
      {{"-H", "no colon", "http://a/"}, "--header no colon"},
      {{"-H", "Content-Length: 1", "http://a/"}, "--header"},
      {{"--json", "", "http://a/"}, "--json"},
      {{"0@http://a/"}, "0@http://a/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.named);
    const auto options = parse_options(row.arguments);
    REQUIRE_FALSE(options.has_value());
    CAPTURE(options.error());
    CHECK(options.error().contains(row.named));
  }
}

TEST_CASE("load: help needs no URL and names every option that is read") {
  const Arguments arguments{"--help"};
  CHECK(parse_options(arguments)->help_wanted);
  const std::string text = load::usage();
  for (std::string_view name :
       {"--connections", "--threads",    "--cpu",      "--server",        "--duration",     "--requests",
        "--warm-up",     "--rate",       "--pipeline", "--no-keep-alive", "--timeout",      "--connect",
        "--method",      "--body-bytes", "--header",   "--verify",        "--expect-bytes", "--allow-errors",
        "--urls",        "--json",       "--quiet",    "--help",          "--version"}) {
    CAPTURE(name);
    CHECK(text.contains(name));
  }
}
