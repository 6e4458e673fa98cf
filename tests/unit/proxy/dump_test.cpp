#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/folder.hpp"
#include "proxy/configuration.hpp"

// What -T prints.
namespace sluice::proxy {
namespace {

constexpr std::string_view sample = R"(shards = 3
[timeouts]
connect = "1s"
[[listener]]
name = "l"
address = "127.0.0.1:1"
[upstream.a]
endpoints = ["127.0.0.1:2", { address = "[::1]:3", weight = 2 }]
timeouts = { first_byte = "20s" }
[upstream."b.c"]
endpoints = ["127.0.0.1:2"]
[[route]]
upstream = "a"
timeouts = { idle = "5m" }
[[route]]
host = "example.com"
path = "/x/*"
methods = ["GET", "PUT"]
headers = [{ name = "x-a", value = "" }, { name = "x-b", regex = "b\\d" }, { name = "x-c", present = false }, "x-d"]
query = [{ name = "a b", value = "" }, { name = "b", regex = "[b\"]" }, { name = "c", present = false }, "d"]
strip_prefix = "/x"
rewrite = { query = "" }
upstream = "b.c"
[[route]]
path = "/{a}/*"
rewrite = { prefix = "/b/{a}" }
upstream = "a"
[[route]]
path_regex = '/(?P<a>[^/]+)\.(.*)'
rewrite = { path = "/{2}/{a}", query = "a={a}" }
upstream = "a"
)";

Configuration parsed(std::string_view text) {
  auto configuration = parse_configuration("s.toml", text);
  if (!configuration) FAIL(fmt::format("{}", fmt::join(configuration.error(), "\n")));
  return *configuration;
}

std::string dumped(const Configuration& configuration) {
  return dump_configuration(configuration, configuration.effective());
}

TEST_CASE("the dump of a configuration is a configuration, and the same one") {
  const Configuration configuration = parsed(sample);
  const std::string text = dumped(configuration);
  CAPTURE(text);
  const Configuration again = parsed(text);
  CHECK(dumped(again) == text);
  CHECK(again.shards == 3);
  CHECK(again.timeouts.connect == std::chrono::seconds(1));
  REQUIRE(again.upstreams.size() == 2);
  CHECK(again.upstreams[1].name.value == "b.c");
  CHECK(again.upstreams[0].endpoints[1].address.value == "[::1]:3");
  CHECK(again.upstreams[0].endpoints[1].weight == 2);
  const route::Table before = configuration.route_table(1);
  const auto& routes = before.routes();
  const route::Table table = again.route_table(1);
  REQUIRE(table.routes().size() == routes.size());
  for (std::size_t i = 0; i < routes.size(); ++i) {
    CHECK(table.routes()[i].name == routes[i].name);
    CHECK(table.routes()[i].timeouts == routes[i].timeouts);
    CHECK(table.routes()[i].strip_prefix == routes[i].strip_prefix);
    CHECK(table.routes()[i].upstream == routes[i].upstream);
    CHECK(again.routes[i].headers == configuration.routes[i].headers);
    CHECK(again.routes[i].query == configuration.routes[i].query);
  }
}

TEST_CASE("what holds in the place of what was left out is told where it holds") {
  const std::string text = dumped(parsed(sample));
  const std::size_t route = text.find("[route.timeouts]");
  REQUIRE(route != std::string::npos);
  CHECK(
      text.substr(route).starts_with("[route.timeouts]\n"
                                     "# connect = \"1s\" (from further out)\n"
                                     "# first_byte = \"20s\" (from further out)\n"
                                     "idle = \"5m\"\n"));
  CHECK(
      text.contains("[upstream.a.timeouts]\n"
                    "# connect = \"1s\" (from further out)\n"
                    "first_byte = \"20s\"\n"
                    "# idle = \"1m\" (from further out)\n"));
  CHECK(text.contains("# name: host and path\n"));
}

TEST_CASE("included files are in the dump, and including is not") {
  config::Folder folder;
  folder.write("conf.d/more.toml", "[[route]]\npath = \"/more\"\nupstream = \"a\"\n");
  auto configuration = load_configuration(folder.write("s.toml", "include = [\"conf.d/*\"]\n" + std::string(sample)));
  REQUIRE(configuration.has_value());
  CHECK(configuration->files == std::vector{folder.path("s.toml"), folder.path("conf.d/more.toml")});
  CHECK(configuration->place_text(configuration->routes[4].given.place()) == folder.path("conf.d/more.toml") + ":1:1");
  const std::string text = dumped(*configuration);
  CHECK(text.starts_with("# include: none\n"));
  CHECK(parsed(text).routes.size() == 5);
}

// Every value that a variable can stand for, in every section.
constexpr std::string_view all_from_outside = R"(
user = "${SLUICE_TEST_SECRET}"
group = "${SLUICE_TEST_SECRET}"
pid_file = "/${SLUICE_TEST_SECRET}"
merge_slashes = "${SLUICE_TEST_FALSE}"
[[listener]]
name = "${SLUICE_TEST_SECRET}"
address = "unix:/${SLUICE_TEST_SECRET}"
backlog = "${SLUICE_TEST_NUMBER}"
mode = "${SLUICE_TEST_MODE}"
congestion_control = "${SLUICE_TEST_SECRET}"
[upstream.a]
endpoints = ["unix:@${SLUICE_TEST_SECRET}", { address = "unix:/${SLUICE_TEST_SECRET}", weight = "${SLUICE_TEST_HUNDREDS}" }]
congestion_control = "${SLUICE_TEST_SECRET}"
keep_alive = { max_idle = "${SLUICE_TEST_NUMBER}", idle_timeout = "${SLUICE_TEST_DURATION}", max_requests = "${SLUICE_TEST_NUMBER}" }
timeouts = { connect = "${SLUICE_TEST_DURATION}" }
upstream_host = "${SLUICE_TEST_SECRET}"
[[route]]
name = "${SLUICE_TEST_SECRET}"
host = "${SLUICE_TEST_SECRET}"
path = "/${SLUICE_TEST_SECRET}/*"
methods = ["GET", "${SLUICE_TEST_METHOD}"]
headers = ["${SLUICE_TEST_SECRET}", { name = "x", value = "${SLUICE_TEST_SECRET}" }, { name = "y", regex = "${SLUICE_TEST_SECRET}" }]
query = ["${SLUICE_TEST_SECRET}", { name = "x", value = "${SLUICE_TEST_SECRET}" }]
rewrite = { prefix = "/${SLUICE_TEST_SECRET}", query = "${SLUICE_TEST_SECRET}" }
upstream = "a"
request_headers = { set = { A = "${SLUICE_TEST_SECRET}" }, add = { B = "x${SLUICE_TEST_SECRET}" }, remove = ["${SLUICE_TEST_SECRET}"] }
timeouts = { first_byte = "${SLUICE_TEST_DURATION}" }
upgrade = ["${SLUICE_TEST_SECRET}"]
limits = { body_bytes = "${SLUICE_TEST_NUMBER}" }
[[route]]
path = "/s/*"
strip_prefix = "/${SLUICE_TEST_NONE:-s}"
upstream = "a"
[[route]]
path = "/r"
redirect = { status = "${SLUICE_TEST_NONE:-308}", scheme = "${SLUICE_TEST_NONE:-https}", host = "${SLUICE_TEST_SECRET}", port = "${SLUICE_TEST_NUMBER}" }
[[route]]
path_regex = '/${SLUICE_TEST_SECRET}/\d'
respond = { content_type = "a/${SLUICE_TEST_SECRET}", body = "${SLUICE_TEST_SECRET}" }
[log]
access = "/tmp/${SLUICE_TEST_SECRET}"
fields = ["${SLUICE_TEST_NONE:-ts}"]
flush = "${SLUICE_TEST_NONE:-777ms}"
[admin]
socket = "/${SLUICE_TEST_SECRET}"
mode = "${SLUICE_TEST_MODE}"
[limits]
max_requests = "${SLUICE_TEST_NUMBER}"
body_rate_min = "${SLUICE_TEST_NUMBER}"
[timeouts]
idle = "${SLUICE_TEST_DURATION}"
[forwarding]
trusted_proxies = ["${SLUICE_TEST_NETWORK}"]
identity_headers = ["${SLUICE_TEST_SECRET}"]
trace = "${SLUICE_TEST_FALSE}"
[response_headers]
set = { A = "${SLUICE_TEST_SECRET}" }
[shard_defaults]
pipes = "${SLUICE_TEST_HUNDREDS}"
[[shard]]
max_connections = "${SLUICE_TEST_NUMBER}"
)";

TEST_CASE("nothing that came out of the environment is in the dump, and the dump says the same") {
  const std::vector<std::pair<const char*, const char*>> variables{
      {"SLUICE_TEST_SECRET", "hush"},   {"SLUICE_TEST_FALSE", "false"},         {"SLUICE_TEST_NUMBER", "4711"},
      {"SLUICE_TEST_HUNDREDS", "911"},  {"SLUICE_TEST_MODE", "0617"},           {"SLUICE_TEST_DURATION", "4321ms"},
      {"SLUICE_TEST_METHOD", "HUSHED"}, {"SLUICE_TEST_NETWORK", "192.0.2.0/27"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
  const Configuration configuration = parsed(all_from_outside);
  CHECK(configuration.routes[3].respond->body == "hush");
  const std::string text = dumped(configuration);
  CAPTURE(text);
  for (const auto& [name, value] : variables) {
    if (std::string_view(value) != "false") CHECK_FALSE(text.contains(value));
  }
  // Nor what holds in the place of what was left out.
  for (std::string_view line :
       {"# idle = \"${SLUICE_TEST_DURATION}\" (from further out)",
        "# connect = \"${SLUICE_TEST_DURATION}\" (from further out)",
        "# upstream_host = \"${SLUICE_TEST_SECRET}\" (that of the upstream)",
        "# body_rate_min = \"${SLUICE_TEST_NUMBER}\" (from further out)",
        "# trace = \"${SLUICE_TEST_FALSE}\" (`forwarding.trace`)",
        "# pipes = \"${SLUICE_TEST_HUNDREDS}\" (from `[shard_defaults]`)", "body = \"${SLUICE_TEST_SECRET}\""}) {
    CAPTURE(line);
    CHECK(text.contains(line));
  }
  const Configuration again = parsed(text);
  CHECK(dumped(again) == text);
  CHECK(again.routes[3].respond->body == "hush");
  CHECK(again.routes[0].request_headers.add[0].value.value.value == "xhush");
  CHECK(again.upstreams == configuration.upstreams);
  CHECK(again.listeners == configuration.listeners);
  CHECK_FALSE(again.merge_slashes);
  for (const auto& [name, value] : variables) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
}

TEST_CASE("the pid file can be told of a file that is not good otherwise") {
  config::Folder folder;
  struct Row {
    std::string_view text;
    std::string_view pid_file;
    std::string_view error;
  };
  const std::vector<Row> rows{
      {"", "", ""},
      {"pid_file = \"x.pid\"\nshards = 0\n", "x.pid", ""},
      {"include = [\"other\"]\n", "y.pid", ""},
      {"pid_file = 7\n", "", "s.toml:1:12: `pid_file` must be a string, not the integer 7"},
      {"pid_file = \"${SLUICE_TEST_NONE}\"\n", "",
       "s.toml:1:12: `pid_file` needs the environment variable SLUICE_TEST_NONE, which is not set"},
      {"include = [\"none\"]\npid_file = \"x\"\n", "x", ""},
      {"include = [\"none\"]\n", "", "s.toml:1:12: \"none\" cannot be read: No such file or directory"},
      {"include = [\"wrong\"]\n", "", "wrong:1:12: `pid_file` must be a string, not the integer 8"},
  };
  folder.write("wrong", "pid_file = 8\n");
  folder.write("other", "pid_file = \"y.pid\"\n");
  for (const Row& row : rows) {
    auto pid_file = load_pid_file(folder.write("s.toml", row.text));
    CHECK(pid_file.value_or("") == row.pid_file);
    std::string errors = pid_file ? "" : fmt::format("{}", fmt::join(pid_file.error(), "\n"));
    const std::string prefix = folder.path("");
    for (std::size_t i = errors.find(prefix); i != std::string::npos; i = errors.find(prefix)) {
      errors.erase(i, prefix.size());
    }
    CHECK(errors == row.error);
  }
}

}  // namespace
}  // namespace sluice::proxy
