#include "proxy/configuration.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

// The sample of the README.
constexpr std::string_view sample = R"([[listener]]
name = "public"
address = "127.0.0.1:8080"

[upstream.api]
endpoints = ["127.0.0.1:9001", { address = "127.0.0.1:9002", weight = 2 }]

[[route]]
host = "api.example.com"        # left out: any host
path = "/v1/*"                  # prefix; without the star: exact
strip_prefix = "/v1"
upstream = "api"
timeouts = { connect = "2s", first_byte = "30s", idle = "60s" }
)";

// One error a line; empty: valid.
std::string errors_of(std::string_view text) {
  auto configuration = parse_configuration("s.toml", text);
  return configuration ? std::string() : fmt::format("{}", fmt::join(configuration.error(), "\n"));
}

TEST_CASE("the sample, down to its last value") {
  auto configuration = parse_configuration("s.toml", sample);
  REQUIRE(configuration.has_value());
  CHECK_FALSE(configuration->shards.has_value());
  REQUIRE(configuration->listeners.size() == 1);
  CHECK(configuration->listeners[0].name.value == "public");
  CHECK(configuration->listeners[0].address.value == "127.0.0.1:8080");
  REQUIRE(configuration->upstreams.size() == 1);
  const auto& upstream = configuration->upstreams[0];
  CHECK(upstream.name.value == "api");
  REQUIRE(upstream.endpoints.size() == 2);
  CHECK(upstream.endpoints[0].address.value == "127.0.0.1:9001");
  CHECK(upstream.endpoints[0].weight == 1);
  CHECK(upstream.endpoints[1].address.value == "127.0.0.1:9002");
  CHECK(upstream.endpoints[1].weight == 2);
  CHECK_FALSE(configuration->log.is_access_on());
  CHECK(configuration->merge_slashes);

  route::Table table = configuration->route_table(1);
  const route::Route* route = table.match({.host = "api.example.com", .path = "/v1/users"});
  REQUIRE(route != nullptr);
  CHECK(route->name == "api.example.com/v1/*");
  CHECK(route->upstream == 0);
  CHECK(route->strip_prefix == "/v1");
  CHECK(route->timeouts == route::Timeouts{.connect = 2s, .first_byte = 30s, .idle = 60s});
  CHECK(table.match({.host = "example.com", .path = "/v1/users"}) == nullptr);
}

TEST_CASE("a route's timeouts come from itself, then its upstream, then [timeouts]") {
  auto configuration = parse_configuration("s.toml", R"(
[[listener]]
name = "l"
address = "127.0.0.1:1"
[timeouts]
connect = "1s"
first_byte = "2s"
[upstream.a]
endpoints = ["127.0.0.1:2"]
[upstream.b]
endpoints = ["127.0.0.1:3"]
timeouts = { first_byte = "20s", idle = "30s" }
[[route]]
upstream = "b"
timeouts = { idle = "300s" }
[[route]]
path = "/a"
upstream = "a"
)");
  REQUIRE(configuration.has_value());
  route::Table table = configuration->route_table(1);
  CHECK(table.routes()[0].timeouts == route::Timeouts{.connect = 1s, .first_byte = 20s, .idle = 300s});
  CHECK(table.routes()[0].upstream == 1);
  CHECK(table.routes()[1].timeouts == route::Timeouts{.connect = 1s, .first_byte = 2s, .idle = route::Timeouts{}.idle});
  CHECK(table.routes()[1].upstream == 0);
}

TEST_CASE("how the access log is laid out") {
  auto layout_of = [](std::string_view keys) {
    auto configuration = parse_configuration("s.toml", fmt::format("{}\n[log]\n{}\n", sample, keys));
    REQUIRE(configuration.has_value());
    return configuration->log.layout();
  };
  const LogLayout standard = layout_of("");
  CHECK(standard.format == LogFormat::json);
  CHECK(standard.fields == standard_log_fields());
  CHECK_FALSE(standard.needs_referer);
  const LogLayout chosen = layout_of(R"(fields = ["status", "ts", "body_bytes"])");
  CHECK(chosen.fields == std::vector{LogField::status, LogField::ts, LogField::body_bytes});
  CHECK_FALSE(chosen.needs_referer);
  CHECK(layout_of(R"(fields = ["referer"])").needs_referer);
  const LogLayout combined = layout_of(R"(format = "combined")");
  CHECK(combined.format == LogFormat::combined);
  CHECK(combined.needs_referer);
}

TEST_CASE("the admin socket") {
  auto admin_of = [](std::string_view keys) {
    auto configuration = parse_configuration("s.toml", fmt::format("{}\n[admin]\n{}\n", sample, keys));
    REQUIRE(configuration.has_value());
    return configuration->admin;
  };
  CHECK_FALSE(admin_of("").is_on());
  CHECK(admin_of("").mode.bits == 0600);
  CHECK(admin_of("socket = \"a.sock\"") == AdminSettings{.socket = "a.sock", .mode = {0600}});
  CHECK(admin_of("socket = \"a.sock\"\nmode = \"0660\"").mode.bits == 0660);
  CHECK(admin_of("mode = \"777\"").mode.bits == 0777);
  CHECK(to_string(net::FileMode{0070}) == "0070");
}

TEST_CASE("one mistake in the sample gives one error, at its place") {
  struct Row {
    std::string_view replaced;  // in the sample
    std::string_view by;
    std::string_view error;
  };
  const std::vector<Row> rows{
      {"address = \"127.0.0.1:8080\"", "adress = \"127.0.0.1:8080\"",
       "s.toml:3:1: unknown key `adress` in [[listener]]; did you mean `address`?"},
      {"\"127.0.0.1:8080\"", "\"127.0.0.1\"",
       "s.toml:3:11: `address` must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", not "
       "\"127.0.0.1\""},
      {"\"127.0.0.1:8080\"", "\"127.0.0.1:8080\"\nbacklog = 0",
       "s.toml:4:11: `backlog` must be from 1 to 65535, not 0"},
      {"name = \"public\"\n", "", "s.toml:1:1: [[listener]] needs `name`"},
      {"[[listener]]", "group = \"daemon\"\n[[listener]]", "s.toml:1:9: `group` needs `user`"},
      {"[[listener]]", "user = \"\"\n[[listener]]", "s.toml:1:8: `user` must not be empty"},
      {"[[listener]]", "pid_file = 7\n[[listener]]", "s.toml:1:12: `pid_file` must be a string, not the integer 7"},
      {"[[listener]]", "include = [\"x\"]\n[[listener]]", "s.toml:1:12: `include` needs a file"},
      {"[upstream.api]", "[[listener]]\nname = \"b\"\naddress = \"0.0.0.0:8080\"\n[upstream.api]",
       "s.toml:7:11: the listener address \"0.0.0.0:8080\" overlaps with \"127.0.0.1:8080\" at s.toml:3:11: one of "
       "them "
       "is every address of the host"},
      {"127.0.0.1:8080", "[::ffff:127.0.0.1]:8080",
       "s.toml:3:11: `address` must be written as the IPv4 address that it is, \"127.0.0.1:8080\", not "
       "\"[::ffff:127.0.0.1]:8080\""},
      {"\"public\"", "\"\"", "s.toml:2:8: `name` must be 1 to 64 letters, digits, `-`, `_` or `.`, not \"\""},
      {"[[listener]]", "[listener]", "s.toml:1:1: [[listener]] must have two pairs of brackets"},
      {"[[listener]]", "[[listner]]", "s.toml:1:3: unknown key `listner`; did you mean `listener`?"},
      {"[upstream.api]", "[upstream.apl]", "s.toml:12:12: there is no upstream \"api\"; did you mean `apl`?"},
      {"[upstream.api]", "[upstreams.api]", "s.toml:5:2: unknown key `upstreams`; did you mean `upstream`?"},
      {"weight = 2", "weight = 0", "s.toml:6:71: `weight` must be from 1 to 1000, not 0"},
      {"weight = 2", "weight = 1001", "s.toml:6:71: `weight` must be from 1 to 1000, not 1001"},
      {"weight = 2", "weight = 1.5", "s.toml:6:71: `weight` must be an integer, not 1.5"},
      {"weight", "wieght", "s.toml:6:62: unknown key `wieght` in `endpoints[1]`; did you mean `weight`?"},
      {"127.0.0.1:9002", "127.0.0.1:09001",
       "s.toml:6:44: duplicate endpoint \"127.0.0.1:9001\": it stands at s.toml:6:14 already"},
      {"\"127.0.0.1:9001\"", "9001", "s.toml:6:14: `endpoints[0]` must be a string, not the integer 9001"},
      {"[\"127.0.0.1:9001\", { address = \"127.0.0.1:9002\", weight = 2 }]", "[]",
       "s.toml:6:13: `endpoints` must have from 1 to 1024 entries, not 0"},
      {"weight = 2 }]", "weight = 2 }]\nkeep_alive = { max_idel = 1 }",
       "s.toml:7:16: unknown key `max_idel` in [upstream.api] keep_alive; did you mean `max_idle`?"},
      {"weight = 2 }]", "weight = 2 }]\nkeep_alive = 4",
       "s.toml:7:14: [upstream.api] keep_alive must be a table, not the integer 4"},
      {"api.example.com", "api.*.com",
       "s.toml:9:8: `host` may have `*` only as its whole first label, as in \"*.example.com\", not \"api.*.com\""},
      {"/v1/*\"", "/v1*\"",
       "s.toml:10:8: `path` may have `*` only as its last segment, where it stands for everything below, not \"/v1*\""},
      {"strip_prefix = \"/v1\"", "strip_prefix = \"/v\"",
       "s.toml:11:16: `strip_prefix` must be whole segments that the path \"/v1/*\" starts with, not \"/v\""},
      {"upstream = \"api\"\n", "", "s.toml:8:1: [[route]] needs `upstream`, `redirect` or `respond`"},
      {"upstream = \"api\"", "upstream = \"apis\"", "s.toml:12:12: there is no upstream \"apis\"; did you mean `api`?"},
      {"upstream = \"api\"", "upstream = \"other\"", "s.toml:12:12: there is no upstream \"other\""},
      {"upstream = \"api\"", "upstream = [\"api\"]", "s.toml:12:12: `upstream` must be a string, not an array"},
      {"connect = \"2s\"", "conect = \"2s\"",
       "s.toml:13:14: unknown key `conect` in [[route]] timeouts; did you mean `connect`?"},
      {"\"2s\"", "\"2\"",
       "s.toml:13:24: `connect` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not \"2\""},
      {"\"2s\"", "\"0s\"", "s.toml:13:24: `connect` must be from 1ms to 24h, not \"0s\""},
      {"\"2s\"", "\"25h\"", "s.toml:13:24: `connect` must be from 1ms to 24h, not \"25h\""},
  };
  CHECK(errors_of(sample) == "");
  for (const Row& row : rows) {
    CAPTURE(row.by);
    std::string text(sample);
    std::size_t at = text.find(row.replaced);
    REQUIRE(at != std::string::npos);
    text.replace(at, row.replaced.size(), row.by);
    CHECK(errors_of(text) == row.error);
  }
}

TEST_CASE("one wrong addition to the sample gives one error, at its place") {
  struct Row {
    std::string_view added;  // from line 15 on
    std::string_view error;
  };
  const std::vector<Row> rows{
      {"[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:8081\"",
       "s.toml:16:8: duplicate listener name \"public\": it stands at s.toml:2:8 already"},
      {"[[listener]]\nname = \"b\"\naddress = \"127.0.0.1:8080\"",
       "s.toml:17:11: duplicate listener address \"127.0.0.1:8080\": it stands at s.toml:3:11 already"},
      {"[[route]]\nhost = \"API.example.com\"\npath = \"/v1/*\"\nupstream = \"api\"",
       "s.toml:15:1: this [[route]] has the host and path of the one at s.toml:8:1: api.example.com/v1/*"},
      {"[[route]]\nname = \"a\"\nupstream = \"api\"\n[[route]]\nname = \"a\"\npath = \"/x\"\nupstream = \"api\"",
       "s.toml:19:8: duplicate route name \"a\": it stands at s.toml:16:8 already"},
      {"[upstream.\"a b\"]\nendpoints = [\"127.0.0.1:1\"]",
       "s.toml:15:11: the name must be 1 to 64 letters, digits, `-`, `_` or `.`, not \"a b\""},
      {"[upstream.b]", "s.toml:15:1: [upstream.b] needs `endpoints`"},
      {"[upstream.b]\nendpoints = [\"[::1]:1\", \"[0::1]:1\"]",
       "s.toml:16:25: duplicate endpoint \"[::1]:1\": it stands at s.toml:16:14 already"},
      {"[upstream.b]\nendpoints = [\"a.example:1\"]",
       "s.toml:16:14: `endpoints[0]` must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", "
       "not "
       "\"a.example:1\""},
      {"[log]\nacces = \"x\"", "s.toml:16:1: unknown key `acces` in [log]; did you mean `access`?"},
      {"[log]\naccess = \"\"", "s.toml:16:10: `access` must not be empty"},
      {"[log]\naccess = false", "s.toml:16:10: `access` must be a string, not false"},
      {"[log]\nformat = \"apache\"", "s.toml:16:10: `format` must be \"json\" or \"combined\", not \"apache\""},
      {"[log]\nformat = \"combine\"",
       "s.toml:16:10: `format` must be \"json\" or \"combined\", not \"combine\"; did you mean `combined`?"},
      {"[log]\nfields = \"ts\"", "s.toml:16:10: `fields` must be an array, not the string \"ts\""},
      {"[log]\nfields = []", "s.toml:16:10: `fields` must have from 1 to 28 entries, not 0"},
      {"[log]\nfields = [\"ts\", \"statsu\"]",
       "s.toml:16:17: `fields[1]` must be a field of the access log, not \"statsu\"; did you mean `status`?"},
      {"[log]\nfields = [\"time\"]", "s.toml:16:11: `fields[0]` must be a field of the access log, not \"time\""},
      {"[log]\nfields = [\"TS\"]",
       "s.toml:16:11: `fields[0]` must be a field of the access log, not \"TS\"; did you mean `ts`?"},
      {"[log]\nfields = [1]", "s.toml:16:11: `fields[0]` must be a string, not the integer 1"},
      {"[log]\nfields = [\"ts\", \"ts\"]", "s.toml:16:17: the field \"ts\" stands in `fields` already"},
      {"[log]\nformat = \"combined\"\nfields = [\"ts\"]",
       "s.toml:17:10: `fields` goes with the format \"json\", not with \"combined\""},
      {"[log]\nbuffer = \"1KiB\"", "s.toml:16:10: `buffer` must be from 4KiB to 64MiB, not \"1KiB\""},
      {"[log]\nflush = \"2m\"", "s.toml:16:9: `flush` must be from 10ms to 1m, not \"2m\""},
      {"[admin]\nsocket = \"\"", "s.toml:16:10: `socket` must not be empty"},
      {"[admin]\nsocket = true", "s.toml:16:10: `socket` must be a string, not true"},
      {"[admin]\nsocket = \"/run/\"", "s.toml:16:10: `socket` must name a file, not \"/run/\""},
      {"[admin]\nsocket = \"a\\u0000b\"", "s.toml:16:10: `socket` must not have a NUL byte in it"},
      {"[admin]\nsocket = "
       "\"/23456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/"
       "12345678\"",
       "s.toml:16:10: `socket` must be at most 107 bytes long, not 108"},
      {"[admin]\nmode = 600", "s.toml:16:8: `mode` must be a string, not the integer 600"},
      {"[admin]\nmode = \"0800\"",
       "s.toml:16:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"0800\""},
      {"[admin]\nmode = \"4755\"",
       "s.toml:16:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"4755\""},
      {"[admin]\nmode = \"60\"",
       "s.toml:16:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"60\""},
      {"[admin]\nmode = \"rw-------\"",
       "s.toml:16:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"rw-------\""},
      {"[admin]\nsocked = \"x\"", "s.toml:16:1: unknown key `socked` in [admin]; did you mean `socket`?"},
      {"[limits]\nhead_bytes = 100", "s.toml:16:14: `head_bytes` must be from 1KiB to 1MiB, not 100"},
      {"[limits]\nhead_fields = 7", "s.toml:16:15: `head_fields` must be from 8 to 128, not 7"},
      {"[limits]\ntarget_bytes = \"1MiB\"", "s.toml:16:16: `target_bytes` must be from 256 to 256KiB, not \"1MiB\""},
      {"[limits]\nmax_connections = 0", "s.toml:16:19: `max_connections` must be from 1 to 10000000, not 0"},
      {"[limits]\nmax_requests = 0", "s.toml:16:16: `max_requests` must be from 1 to 1000000000, not 0"},
      {"[timeouts]\ndrain = 30",
       "s.toml:16:9: `drain` must be a duration with its unit, such as \"250ms\", \"30s\" or \"1m30s\", not the "
       "integer 30"},
      {"[timeouts]\nkeepalive = \"30s\"",
       "s.toml:16:1: unknown key `keepalive` in [timeouts]; did you mean `keep_alive`?"},
      {"[shard_defaults]\nring_entries = 100",
       "s.toml:16:16: `ring_entries` must be a power of two from 64 to 32768, not 100"},
      {"[shard_defaults]\npipe_size = \"3MiB\"",
       "s.toml:16:13: `pipe_size` must be a power of two from 4KiB to 64MiB, not \"3MiB\""},
      {"[tuning]", "s.toml:15:2: unknown key `tuning`"},
      {"[route]", "s.toml:15:1: not valid TOML"},
      {"[[route]]\nupstream = \"api\"\nmethod = [\"GET\"]",
       "s.toml:17:1: unknown key `method` in [[route]]; did you mean `methods`?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.added);
    std::string errors = errors_of(std::string(sample) + "\n" + std::string(row.added) + "\n");
    // Of what the TOML library says, only the place is ours to hold.
    if (row.error.ends_with("not valid TOML")) errors.resize(std::min(errors.size(), row.error.size()));
    CHECK(errors == row.error);
  }
}

TEST_CASE("mistakes in unix sockets, each at its place") {
  struct Row {
    std::string_view added;  // from line 15 on
    std::string_view error;
  };
  const Row rows[] = {
      {"[[listener]]\nname = \"b\"\naddress = \"unix:/run/../b\"",
       "s.toml:17:11: `address` must have behind `unix:` a path from the root, without empty, `.` and `..` segments, "
       "or "
       "`@` and a name; at most 107 bytes, not \"unix:/run/../b\""},
      {"[[listener]]\nname = \"b\"\naddress = \"/run/b\"",
       "s.toml:17:11: `address` must name a unix socket as \"unix:/run/app.sock\" or \"unix:@app\", not \"/run/b\""},
      {"[[listener]]\nname = \"b\"\naddress = \"unix:/run/b\"\n"
       "[[listener]]\nname = \"c\"\naddress = \"unix:/run/b\"",
       "s.toml:20:11: duplicate listener address \"unix:/run/b\": it stands at s.toml:17:11 already"},
      {"[[listener]]\nname = \"b\"\naddress = \"127.0.0.1:81\"\nmode = \"0660\"",
       "s.toml:18:8: `mode` is for unix sockets that have a file; \"127.0.0.1:81\" has none"},
      {"[[listener]]\nname = \"b\"\naddress = \"unix:@b\"\nmode = \"0660\"",
       "s.toml:18:8: `mode` is for unix sockets that have a file; \"unix:@b\" has none"},
      {"[[listener]]\nname = \"b\"\naddress = \"unix:/run/b\"\nmode = \"0668\"",
       "s.toml:18:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"0668\""},
      {"[[listener]]\nname = \"b\"\naddress = \"unix:/run/b\"\nmode = \"4755\"",
       "s.toml:18:8: `mode` must be three octal digits, such as \"0600\" or \"0660\", not \"4755\""},
      {"[[listener]]\nname = \"b\"\naddress = \"unix:/run/b\"\nmode = 660",
       "s.toml:18:8: `mode` must be a string, not the integer 660"},
      {"[upstream.b]\nendpoints = [\"unix:/run/b\", \"unix:/run/b\"]",
       "s.toml:16:29: duplicate endpoint \"unix:/run/b\": it stands at s.toml:16:14 already"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.added);
    CHECK(errors_of(std::string(sample) + "\n" + std::string(row.added) + "\n") == row.error);
  }
}

TEST_CASE("mistakes in who may send PROXY headers, each at its place") {
  struct Row {
    std::string_view value;  // on line 18
    std::string_view error;
  };
  const Row rows[] = {
      {"true", "s.toml:18:18: [[listener]] proxy_protocol must be a table, not true"},
      {"{}", "s.toml:18:18: [[listener]] proxy_protocol needs `from`"},
      {"{ others = \"serve\" }", "s.toml:18:18: [[listener]] proxy_protocol needs `from`"},
      {"{ from = [] }", "s.toml:18:27: `from` must have from 1 to 1024 entries, not 0"},
      {"{ from = \"10.0.0.0/8\" }", "s.toml:18:27: `from` must be an array, not the string \"10.0.0.0/8\""},
      {"{ from = [\"10.0.0.1/8\"] }",
       "s.toml:18:28: `from[0]` must be an address, a network such as \"10.0.0.0/8\" without bits behind its prefix, "
       "or "
       "\"unix\", not \"10.0.0.1/8\""},
      {"{ from = [\"unix\"] }", "s.toml:18:27: who comes over TCP has an address, and none is in `from`"},
      {"{ from = [\"::1\"], others = \"close\" }",
       "s.toml:18:45: `others` must be \"refuse\" or \"serve\", not \"close\""},
      {"{ from = [\"::1\"], other = \"serve\" }",
       "s.toml:18:36: unknown key `other` in [[listener]] proxy_protocol; did you mean `others`?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const std::string listener = "[[listener]]\nname = \"b\"\naddress = \"127.0.0.1:81\"\nproxy_protocol = ";
    CHECK(errors_of(std::string(sample) + "\n" + listener + std::string(row.value) + "\n") == row.error);
  }
}

TEST_CASE("who comes through a unix socket is in `from` or nobody is") {
  const std::string listener = "[[listener]]\nname = \"b\"\naddress = \"unix:/run/b\"\nproxy_protocol = { from = ";
  const std::string text = std::string(sample) + "\n" + listener;
  CHECK(errors_of(text + "[\"unix\"] }\n").empty());
  CHECK(errors_of(text + "[\"10.0.0.0/8\", \"unix\"] }\n").empty());
  CHECK(errors_of(text + "[\"10.0.0.0/8\"] }\n") ==
        "s.toml:18:27: who comes through a unix socket is \"unix\", which is not in `from`");
}

TEST_CASE("who may send PROXY headers to a listener") {
  auto configuration = parse_configuration("s.toml", std::string(sample) + R"(
[[listener]]
name = "b"
address = "127.0.0.1:81"
proxy_protocol = { from = ["10.0.0.0/8", "unix"] }
[[listener]]
name = "c"
address = "127.0.0.1:82"
[listener.proxy_protocol]
from = ["::1"]
others = "serve"
)");
  REQUIRE(configuration.has_value());
  CHECK_FALSE(configuration->listeners[0].proxy_protocol);
  REQUIRE(configuration->listeners[1].proxy_protocol);
  CHECK(configuration->listeners[1].proxy_protocol->from.size() == 2);
  CHECK(to_string(configuration->listeners[1].proxy_protocol->others) == "refuse");
  REQUIRE(configuration->listeners[2].proxy_protocol);
  CHECK(to_string(configuration->listeners[2].proxy_protocol->others) == "serve");
  CHECK(configuration->listeners[1] != configuration->listeners[2]);
}

TEST_CASE("mistakes in TCP listeners, each at its place") {
  struct Row {
    std::string_view lines;  // from line 18 on
    std::string_view error;
  };
  const Row rows[] = {
      {"protocol = \"tcp\"", "s.toml:18:12: the protocol \"tcp\" needs `upstream`"},
      {"upstream = \"api\"",
       "s.toml:18:12: `upstream` goes with the protocol \"tcp\"; where HTTP goes is for [[route]] to say"},
      {"protocol = \"http\"\nupstream = \"api\"",
       "s.toml:19:12: `upstream` goes with the protocol \"tcp\"; where HTTP goes is for [[route]] to say"},
      {"protocol = \"udp\"", "s.toml:18:12: `protocol` must be \"http\" or \"tcp\", not \"udp\""},
      {"protocol = \"TCP\"\nupstream = \"api\"",
       "s.toml:18:12: `protocol` must be \"http\" or \"tcp\", not \"TCP\"; did you mean `tcp`?"},
      {"protocol = 6", "s.toml:18:12: `protocol` must be \"http\" or \"tcp\", not the integer 6"},
      {"protocol = \"tcp\"\nupstream = \"apl\"", "s.toml:19:12: there is no upstream \"apl\"; did you mean `api`?"},
      {"protocol = \"tcp\"\nupstream = \"\"",
       "s.toml:19:12: `upstream` must be 1 to 64 letters, digits, `-`, `_` or `.`, not \"\""},
      {"protocol = \"tcp\"\nupsteam = \"api\"",
       "s.toml:19:1: unknown key `upsteam` in [[listener]]; did you mean `upstream`?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.lines);
    const std::string listener = "[[listener]]\nname = \"b\"\naddress = \"127.0.0.1:81\"\n";
    CHECK(errors_of(std::string(sample) + "\n" + listener + std::string(row.lines) + "\n") == row.error);
  }
}

TEST_CASE("TCP alone, and what it has no use for") {
  struct Row {
    std::string_view upstream;  // from line 8 on
    std::string_view error;
  };
  const Row rows[] = {
      {"", ""},
      {"timeouts = { connect = \"1s\", idle = \"1m\", tunnel = \"1h\" }", ""},
      {"proxy_protocol = \"v2\"", ""},
      {"congestion_control = \"system\"", ""},
      {"keep_alive = { max_idle = 1024 }\nupstream_host = \"preserve\"", ""},
      {"keep_alive = { max_idle = 1 }",
       "s.toml:8:14: `keep_alive` is for HTTP, and only TCP goes to the upstream \"db\""},
      {"upstream_host = \"a\"", "s.toml:8:17: `upstream_host` is for HTTP, and only TCP goes to the upstream \"db\""},
      {"timeouts = { first_byte = \"1s\" }",
       "s.toml:8:27: `first_byte` is for HTTP, and only TCP goes to the upstream \"db\""},
      {"proxy_protocol = \"v3\"",
       "s.toml:8:18: `proxy_protocol` must be \"off\" or \"v1\" or \"v2\", not \"v3\"; did you mean `v1`?"},
      {"proxy_protocol = true", "s.toml:8:18: `proxy_protocol` must be \"off\" or \"v1\" or \"v2\", not true"},
      {"[[route]]\nupstream = \"db\"", "s.toml:8:1: [[route]] is for HTTP, and no listener speaks it"},
      {"[[route]]\npath = \"/a\"\nrespond = { status = 200 }\n[[route]]\nrespond = { status = 204 }",
       "s.toml:8:1: [[route]] is for HTTP, and no listener speaks it\n"
       "s.toml:11:1: [[route]] is for HTTP, and no listener speaks it"},
      {"keep_alive = { max_idle = 1 }\n[[listener]]\nname = \"web\"\naddress = \"127.0.0.1:80\"\n"
       "[[route]]\nupstream = \"db\"",
       ""},
      {"[[listener]]\nname = \"web\"\naddress = \"127.0.0.1:80\"", "s.toml:1:1: the file needs [[route]]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.upstream);
    const std::string listener =
        "[[listener]]\nname = \"raw\"\naddress = \"127.0.0.1:81\"\nprotocol = \"tcp\"\nupstream = \"db\"\n";
    const std::string upstream = "[upstream.db]\nendpoints = [\"127.0.0.1:9001\"]\n";
    CHECK(errors_of(listener + upstream + std::string(row.upstream) + "\n") == row.error);
  }
}

TEST_CASE("unix sockets on both sides") {
  auto configuration = parse_configuration("s.toml", std::string(sample) + R"(
[[listener]]
name = "local"
address = "unix:/run/sluice/web.sock"
mode = "600"
[[listener]]
name = "abstract"
address = "unix:@sluice"
[upstream.app]
endpoints = ["unix:/run/app.sock", { address = "unix:@app", weight = 3 }]
)");
  REQUIRE(configuration.has_value());
  CHECK_FALSE(configuration->listeners[0].is_unix());
  CHECK(configuration->listeners[1].is_unix());
  CHECK(configuration->listeners[1].has_file());
  CHECK(configuration->listeners[1].file_mode().bits == 0600);
  CHECK(configuration->listeners[2].is_unix());
  CHECK_FALSE(configuration->listeners[2].has_file());
  CHECK(configuration->upstreams[1].endpoints[0].address.value == "unix:/run/app.sock");
  CHECK(configuration->upstreams[1].endpoints[1].address.value == "unix:@app");
}

TEST_CASE("everything that is wrong is told at once, in the order of the file") {
  CHECK(errors_of("shards = 0\n"
                  "shardz = 1\n"
                  "[[listener]]\n"
                  "name = 1\n"
                  "[upstream.a]\n"
                  "endpoints = [\"x\", { weight = 0 }]\n"
                  "[[route]]\n"
                  "path = \"v1\"\n"
                  "upstream = \"b\"\n"
                  "[[route]]\n"
                  "upstream = \"a\"\n"
                  "[[route]]\n"
                  "upstream = \"a\"\n") ==
        "s.toml:1:10: `shards` must be from 1 to 1024, not 0\n"
        "s.toml:2:1: unknown key `shardz`; did you mean `shards`?\n"
        "s.toml:3:1: [[listener]] needs `address`\n"
        "s.toml:4:8: `name` must be a string, not the integer 1\n"
        "s.toml:6:14: `endpoints[0]` must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", "
        "not \"x\"\n"
        "s.toml:6:19: `endpoints[1]` needs `address`\n"
        "s.toml:6:30: `weight` must be from 1 to 1000, not 0\n"
        "s.toml:8:8: `path` must start with `/`, not \"v1\"\n"
        "s.toml:9:12: there is no upstream \"b\"; did you mean `a`?\n"
        "s.toml:12:1: this [[route]] has the host and path of the one at s.toml:10:1: /*");
  CHECK(errors_of("") == "s.toml:1:1: the file needs [[listener]]\ns.toml:1:1: the file needs [[route]]");
  CHECK(errors_of("route = []\nlistener = []\n") ==
        "s.toml:1:9: [[route]] must have from 1 to 100000 entries, not 0\n"
        "s.toml:2:12: [[listener]] must have from 1 to 256 entries, not 0");
}

TEST_CASE("a file that cannot be read") {
  auto configuration = load_configuration("/nonexistent/s.toml");
  REQUIRE_FALSE(configuration.has_value());
  CHECK(configuration.error() == ConfigurationErrors{"/nonexistent/s.toml: cannot be read: No such file or directory"});
}

TEST_CASE("many routes are read and checked in one go") {
  std::string text(sample);
  for (int i = 0; i < 2000; ++i) text += fmt::format("[[route]]\npath = \"/r{}/*\"\nupstream = \"api\"\n", i);
  auto configuration = parse_configuration("s.toml", text);
  REQUIRE(configuration.has_value());
  CHECK(configuration->route_table(1).match({.host = "", .path = "/r1999/x"})->index == 2000);

  for (int i = 0; i < 2000; ++i) text += fmt::format("[[route]]\npath = \"/r{}/*\"\nupstream = \"apj\"\n", i);
  configuration = parse_configuration("s.toml", text);
  REQUIRE_FALSE(configuration.has_value());
  CHECK(configuration.error().size() == 101);
  CHECK(configuration.error().back() == "s.toml: and 3900 more");
}

}  // namespace
}  // namespace sluice::proxy
