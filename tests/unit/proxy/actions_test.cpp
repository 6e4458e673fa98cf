#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "proxy/configuration.hpp"

// What a route does with its requests, from the file to the table.
namespace sluice::proxy {
namespace {

constexpr std::string_view frame = R"([[listener]]
name = "l"
address = "127.0.0.1:1"
[upstream.u]
endpoints = ["127.0.0.1:2"]
)";
constexpr int frame_lines = 5;

std::string errors_of(std::string_view route) {
  auto configuration = parse_configuration("s.toml", std::string(frame) + "[[route]]\n" + std::string(route) + "\n");
  return configuration ? std::string() : fmt::format("{}", fmt::join(configuration.error(), "\n"));
}

route::Table table_of(std::string_view text) {
  auto configuration = parse_configuration("s.toml", std::string(frame) + std::string(text));
  if (!configuration) FAIL(fmt::format("{}", fmt::join(configuration.error(), "\n")));
  return configuration->route_table(1);
}

TEST_CASE("each route has one action") {
  const route::Table table = table_of(R"(
[[route]]
path = "/f"
upstream = "u"
[[route]]
path = "/r"
redirect = { scheme = "https", status = 308, host = "b.example", port = 8443 }
timeouts = { idle = "7s" }
[[route]]
path = "/s"
respond = { status = 404, content_type = "text/html", body = "gone" }
[[route]]
path = "/e"
respond = { status = 204 }
)");
  REQUIRE(table.routes().size() == 4);
  const route::Route& forward = table.routes()[0];
  CHECK(forward.action == route::Action::forward);
  CHECK(forward.upstream_host.kind == route::UpstreamHost::Kind::preserve);
  const route::Route& redirect = table.routes()[1];
  CHECK(redirect.action == route::Action::redirect);
  CHECK(redirect.redirect.status == 308);
  CHECK(redirect.redirect.scheme == "https");
  CHECK(redirect.redirect.host == "b.example");
  CHECK(redirect.redirect.port == 8443);
  CHECK(redirect.timeouts.idle == std::chrono::seconds(7));
  const route::Route& respond = table.routes()[2];
  CHECK(respond.action == route::Action::respond);
  CHECK(respond.response.status == 404);
  CHECK(respond.response.content_type == "text/html");
  CHECK(respond.response.body == "gone");
  const route::Route& empty = table.routes()[3];
  CHECK(empty.response.body.empty());
  CHECK(empty.response.content_type.empty());
}

TEST_CASE("the Host for the upstream comes from the route, else from the upstream") {
  const route::Table table = table_of(R"(
[upstream.v]
endpoints = ["127.0.0.1:3"]
upstream_host = "endpoint"
[[route]]
path = "/a"
upstream = "u"
upstream_host = "API.example:8080"
[[route]]
path = "/b"
upstream = "v"
[[route]]
path = "/c"
upstream = "v"
upstream_host = "preserve"
)");
  CHECK(table.routes()[0].upstream_host == route::UpstreamHost{route::UpstreamHost::Kind::name, "API.example:8080"});
  CHECK(table.routes()[1].upstream_host.kind == route::UpstreamHost::Kind::endpoint);
  CHECK(table.routes()[2].upstream_host.kind == route::UpstreamHost::Kind::preserve);
}

TEST_CASE("edits of everything, and of a route") {
  auto configuration = parse_configuration("s.toml", std::string(frame) + R"(
[request_headers]
set = { "X-A" = "{route}" }
[response_headers]
remove = ["Server"]
[[route]]
name = "one"
upstream = "u"
request_headers = { add = { "X-B" = "2" } }
)");
  REQUIRE(configuration.has_value());
  const route::Table table = configuration->route_table(1);
  const route::Route& route = table.routes()[0];
  CHECK(route.request_edits.literal_bytes() == std::string("X-A: one\r\nX-B: 2\r\n").size());
  CHECK(route.response_edits.dropped().contains(http::FieldId::server));
  CHECK(configuration->edits(route::Direction::response, nullptr).dropped().contains(http::FieldId::server));
}

TEST_CASE("a file as the body") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("sluice-actions-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "page.html") << "<p>hello";
  std::ofstream(folder / "large") << std::string(64 * 1024 + 1, 'x');
  auto load = [&](std::string_view name) {
    std::ofstream(folder / "s.toml") << frame << "[[route]]\nrespond = { body_file = \"" << name << "\" }\n";
    return load_configuration((folder / "s.toml").string());
  };
  auto good = load("page.html");
  REQUIRE(good.has_value());
  const route::Table table = good->route_table(1);
  CHECK(table.routes()[0].response.body == "<p>hello");
  auto absolute = load((folder / "page.html").string());
  CHECK(absolute.has_value());
  auto missing = load("none.html");
  REQUIRE(!missing.has_value());
  CHECK(missing.error().front().ends_with("none.html\" cannot be read: No such file or directory"));
  auto large = load("large");
  REQUIRE(!large.has_value());
  CHECK(large.error().front().ends_with("large\" is larger than 64KiB"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("what a route cannot do") {
  struct {
    std::string_view route;
    std::string_view error;  // behind "s.toml:" and a line number
  } const rows[] = {
      {"path = \"/x\"", "1: [[route]] needs `upstream`, `redirect` or `respond`"},
      {"upstream = \"u\"\nrespond = {}", "11: `upstream` and `respond` of a route exclude each other"},
      {"redirect = { port = 81 }\nrespond = {}", "11: `redirect` and `respond` of a route exclude each other"},
      {"respond = {}\nredirect = {}\nupstream = \"u\"",
       "12: `upstream`, `redirect` and `respond` of a route exclude each other"},
      // What is meant is not known, so nothing else is said of it.
      {"upstream = \"u\"\nupstream_host = \"a\"\nredirect = {}",
       "12: `upstream` and `redirect` of a route exclude each other"},
      {"strip_prefix = \"/v1\"\nrespond = 5", "11: [[route]] respond must be a table, not the integer 5"},
      {"path = \"/x\"\nrespnod = {}", "1: unknown key `respnod` in [[route]]; did you mean `respond`?"},
      {"path = \"/x\"\nredirect = { scheme = 1 }", "23: `scheme` must be a string, not the integer 1"},
      {"path = \"/x\"\nredirect = { hsots = 1 }", "14: unknown key `hsots` in [[route]] redirect"},
      {"path = \"/x\"\nrewrite = { queri = \"\" }\nredirect = {}",
       "13: unknown key `queri` in [[route]] rewrite; did you mean `query`?"},
      {"redirect = {}", "12: `redirect` leads to where the request comes from"},
      {"redirect = { status = 301 }", "12: `redirect` leads to where the request comes from"},
      {"redirect = { status = 304, port = 81 }", "23: `status` must be 301, 302, 303, 307 or 308, not 304"},
      {"redirect = { status = 300, port = 81 }", "23: `status` must be from 301 to 308, not 300"},
      {"redirect = { scheme = \"ftp\" }", "23: `scheme` must be \"http\" or \"https\", not \"ftp\""},
      {"redirect = { scheme = \"HTTPS\" }", "23: `scheme` must be \"http\" or \"https\", not \"HTTPS\""},
      {"redirect = { host = \"b:80\" }",
       "21: `host` must be a host name without a port, such as \"www.example.com\", not \"b:80\""},
      {"redirect = { host = \"b/c\" }",
       "21: `host` must be a host name without a port, such as \"www.example.com\", not \"b/c\""},
      {"redirect = { host = \"*.b\" }",
       "21: `host` must be a host name without a port, such as \"www.example.com\", not \"*.b\""},
      {"redirect = { host = \"a@b\" }",
       "21: `host` must be a host name without a port, such as \"www.example.com\", not \"a@b\""},
      {"redirect = { host = \"\" }",
       "21: `host` must be a host name without a port, such as \"www.example.com\", not \"\""},
      {"redirect = { port = 0 }", "21: `port` must be from 1 to 65535, not 0"},
      {"redirect = { port = 65536 }", "21: `port` must be from 1 to 65535, not 65536"},
      {"respond = { status = 302 }", "22: `status` must not be 3xx (that is what `redirect` is for), not 302"},
      {"respond = { status = 101 }", "22: `status` must be from 200 to 599, not 101"},
      {"respond = { status = 600 }", "22: `status` must be from 200 to 599, not 600"},
      {"respond = { status = 204, body = \"x\" }", "22: a response with the status 204 has no body"},
      {"respond = { status = 205, body = \"x\" }", "22: a response with the status 205 has no body"},
      {"respond = { content_type = \"text\" }",
       "28: `content_type` must be a media type such as \"text/html\", not \"text\""},
      {"respond = { content_type = \"a/b\\r\\nX: y\" }",
       "28: `content_type` must be a media type such as \"text/html\", not \"a/b\\x0d\\x0aX: y\""},
      {"respond = { body = 1 }", "20: `body` must be a string, not the integer 1"},
      {"path = \"/x/*\"\nstrip_prefix = \"/x\"\nrespond = {}",
       "16: `strip_prefix` has nothing to change: `respond` forwards nothing"},
      {"strip_prefix = \"/x\"\nrespond = {}", "16: `strip_prefix` has nothing to change: `respond` forwards nothing"},
      {"rewrite = { path = \"/{x}\" }\nrespond = {}",
       "11: `rewrite` has nothing to change: `respond` forwards nothing"},
      {"respond = {}\nupstream_host = \"a\"", "17: `upstream_host` goes with `upstream`: `respond` forwards nothing"},
      {"redirect = { port = 1 }\nrequest_headers = { remove = [\"X\"] }",
       "19: `request_headers` goes with `upstream`: `redirect` forwards nothing"},
      {"upstream = \"u\"\nupstream_host = \"a b\"",
       "17: `upstream_host` must be \"preserve\", \"endpoint\" or a host with or without a port, not \"a b\""},
      {"upstream = \"u\"\nupstream_host = \"http://a\"",
       "17: `upstream_host` must be \"preserve\", \"endpoint\" or a host with or without a port, not \"http://a\""},
      {"upstream = \"u\"\nupstream_host = \"a:0\"",
       "17: `upstream_host` must be \"preserve\", \"endpoint\" or a host with or without a port, not \"a:0\""},
      {"upstream = \"u\"\nupstream_host = \"\"",
       "17: `upstream_host` must be \"preserve\", \"endpoint\" or a host with or without a port, not \"\""},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.route));
    std::string error = errors_of(row.route);
    CHECK(error.starts_with("s.toml:"));
    const std::size_t column = error.find(':', 7);
    REQUIRE(column != std::string::npos);
    CHECK(error.substr(column + 1) == row.error);
  }
}

TEST_CASE("edits that add too much") {
  const std::string value(1000, 'x');
  const std::string two =
      "upstream = \"u\"\nresponse_headers = { set = { \"X-A\" = \"" + value + "\", \"X-B\" = \"" + value + "\" } }";
  CHECK(errors_of(two).empty());
  const std::string three = two + "\nrequest_headers = { set = { \"X-A\" = \"" + value + "\" }, add = { \"X-A\" = \"" +
                            value + "\", \"X-B\" = \"" + value + "\" } }";
  CHECK(errors_of(three) ==
        fmt::format("s.toml:{}:19: the header edits add 3021 bytes to each request, more than the 2048 there may be",
                    frame_lines + 4));
  // Once, where it is too much for all of them.
  const std::string all = "[request_headers]\nset = { \"X-A\" = \"" + value + "\", \"X-B\" = \"" + value +
                          "\", \"X-C\" = \"" + value + "\" }\n";
  CHECK(errors_of("path = \"/1\"\nupstream = \"u\"\n[[route]]\npath = \"/2\"\nupstream = \"u\"\n" + all) ==
        fmt::format("s.toml:{}:1: the header edits add 3021 bytes to each request, more than the 2048 there may be",
                    frame_lines + 7));
}

}  // namespace
}  // namespace sluice::proxy
