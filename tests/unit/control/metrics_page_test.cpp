#include "control/metrics_page.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "control/exposition.hpp"
#include "control/meter_directory.hpp"
#include "proxy/configuration.hpp"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using test::Exposition;

// What: a configuration with its slots, and the counters of two shards.
struct Scene {
  explicit Scene(std::string_view routes = "[[route]]\nname = \"all\"\nupstream = \"api\"\n") {
    auto parsed = proxy::parse_configuration("s.toml", fmt::format(R"([[listener]]
name = "main"
address = "127.0.0.1:1"
[upstream.api]
endpoints = ["127.0.0.1:2", "[::1]:3"]
{}
)",
                                                                   routes));
    REQUIRE(parsed.has_value());
    configuration = std::move(*parsed);
    directory.assign(configuration);
    directory.commit();
    for (unsigned i = 0; i < 2; ++i) counters.push_back(std::make_unique<proxy::ShardCounters>());
  }
  [[nodiscard]] MetricsSource source() const {
    MetricsSource source;
    for (unsigned i = 0; i < counters.size(); ++i) source.shards.push_back({.index = i, .counters = counters[i].get()});
    source.listeners = directory.listeners().in_effect();
    source.routes = directory.routes().in_effect();
    source.upstreams = directory.upstreams().in_effect();
    source.endpoints = directory.endpoints().in_effect();
    source.process = read_process_facts();
    source.reload.generation = 3;
    source.reload.snapshots_alive = 2;
    source.start_unix_ms = 1'700'000'000'042;
    return source;
  }
  [[nodiscard]] std::string page() const {
    MetricsPage page(source());
    std::string text;
    while (page.next(text) == Page::Progress::more) {
    }
    return text;
  }

  proxy::Configuration configuration;
  MeterDirectory directory;
  std::vector<std::unique_ptr<proxy::ShardCounters>> counters;
};

TEST_CASE("every metric is on the page, with a unit of its own and a name that says its type") {
  const Scene scene;
  const Exposition exposition(scene.page());
  // A loop that is not there has nothing to tell.
  for (const MetricReference& metric : metric_reference()) {
    CAPTURE(metric.name);
    const std::string name(metric.name);
    CHECK(name.starts_with("sluice_"));
    CHECK(name.ends_with("_total") == (metric.type == MetricType::counter));
    CHECK_FALSE(metric.help.empty());
    CHECK(metric.help.ends_with('.'));
    REQUIRE(exposition.types().contains(name));
    CHECK(exposition.types().at(name) == to_string(metric.type));
  }
  CHECK(exposition.types().size() == metric_reference().size());
}

TEST_CASE("shards are added up, and what nobody counted is there as zero") {
  Scene scene;
  auto& first = *scene.counters[0];
  auto& second = *scene.counters[1];
  const metrics::Slot route = scene.configuration.routes[0].slot;
  const auto& upstream = scene.configuration.upstreams[0];
  first.meters.routes.at(route).requests.add(5);
  second.meters.routes.at(route).requests.add(7);
  proxy::class_of(first.meters.routes.at(route).responses, 204).add(4);
  proxy::class_of(second.meters.routes.at(route).responses, 499).add(2);
  second.meters.upstreams.at(upstream.slot).failures[static_cast<std::size_t>(proxy::Reason::upstream_reset)].add(3);
  first.meters.endpoints.at(upstream.endpoints[1].slot).connections.add(9);
  second.meters.endpoints.at(upstream.endpoints[1].slot).connections.subtract(1);  // opened on the other one's books
  first.meters.listeners.at(scene.configuration.listeners[0].slot).accepted.add(11);
  first.requests.add(100);
  second.reasons[static_cast<std::size_t>(proxy::Reason::no_route)].add(6);

  const Exposition page(scene.page());
  CHECK(page.at(R"(sluice_route_requests_total{route="all"})") == "12");
  CHECK(page.at(R"(sluice_route_responses_total{route="all",class="2xx"})") == "4");
  CHECK(page.at(R"(sluice_route_responses_total{route="all",class="4xx"})") == "2");
  CHECK(page.at(R"(sluice_route_responses_total{route="all",class="5xx"})") == "0");
  CHECK(page.at(R"(sluice_upstream_failures_total{upstream="api",reason="upstream_reset"})") == "3");
  CHECK(page.at(R"(sluice_upstream_failures_total{upstream="api",reason="upstream_closed"})") == "0");
  CHECK(page.at(R"(sluice_upstream_failures_total{upstream="api",reason="no_route"})") == "(none)");
  CHECK(page.at(R"(sluice_endpoint_connections{upstream="api",endpoint="[::1]:3"})") == "8");
  CHECK(page.at(R"(sluice_endpoint_connections{upstream="api",endpoint="127.0.0.1:2"})") == "0");
  CHECK(page.at(R"(sluice_listener_connections_accepted_total{listener="main"})") == "11");
  CHECK(page.at(R"(sluice_shard_requests_total{shard="0"})") == "100");
  CHECK(page.at(R"(sluice_shard_requests_total{shard="1"})") == "0");
  CHECK(page.at(R"(sluice_exchange_reasons_total{reason="no_route"})") == "6");
  CHECK(page.at("sluice_config_generation") == "3");
  CHECK(page.at("sluice_config_snapshots") == "2");
  CHECK(page.at("sluice_process_start_time_seconds") == "1700000000.042000000");
  CHECK(page.at(fmt::format("sluice_build_info{{version=\"{}\"}}", SLUICE_VERSION)) == "1");
  CHECK(std::stod(page.at("sluice_process_resident_memory_bytes")) > 1e6);
  CHECK(std::stod(page.at("sluice_process_open_fds")) >= 3);
  CHECK(std::stod(page.at("sluice_process_max_fds")) >= std::stod(page.at("sluice_process_open_fds")));
  CHECK(std::stod(page.at("sluice_process_cpu_seconds_total")) > 0);
}

TEST_CASE("a histogram's buckets contain those before them, and the last one is the count") {
  Scene scene;
  const metrics::Slot route = scene.configuration.routes[0].slot;
  for (Duration duration : {Duration(100us), Duration(2ms), Duration(2ms), Duration(70s)}) {
    scene.counters[0]->meters.routes.at(route).duration.add(duration);
  }
  scene.counters[1]->meters.routes.at(route).duration.add(3s);
  const Exposition page(scene.page());
  auto bucket = [&](std::string_view bound) {
    return page.at(fmt::format("sluice_route_duration_seconds_bucket{{route=\"all\",le=\"{}\"}}", bound));
  };
  CHECK(bucket("0.0005") == "1");
  CHECK(bucket("0.001") == "1");
  CHECK(bucket("0.0025") == "3");
  CHECK(bucket("2.5") == "3");
  CHECK(bucket("5") == "4");
  CHECK(bucket("60") == "4");
  CHECK(bucket("+Inf") == "5");
  CHECK(page.at(R"(sluice_route_duration_seconds_count{route="all"})") == "5");
  CHECK(page.at(R"(sluice_route_duration_seconds_sum{route="all"})") == "73.004100000");
}

TEST_CASE("a large configuration comes in small pieces, each metric described once") {
  std::string routes;
  for (int i = 0; i < 3000; ++i) routes += fmt::format("[[route]]\npath = \"/r{}/*\"\nupstream = \"api\"\n", i);
  const Scene scene(routes);
  MetricsPage page(scene.source());
  std::string text;
  std::size_t pieces = 0;
  for (bool goes_on = true; goes_on; ++pieces) {
    std::string piece;
    goes_on = page.next(piece) == Page::Progress::more;
    CHECK(piece.size() < 64 * 1024);
    text += piece;
  }
  CHECK(pieces > 50);
  const Exposition exposition(text);
  CHECK(exposition.at(R"(sluice_route_requests_total{route="/r2999/*"})") == "0");
}

TEST_CASE("a page that was begun before a reload is ended as it was begun") {
  Scene scene;
  MetricsPage page(scene.source());
  proxy::Configuration next = scene.configuration;
  next.routes[0].name.value = "other";
  scene.directory.assign(next);
  scene.directory.commit();
  std::string text;
  while (page.next(text) == Page::Progress::more) {
  }
  CHECK(Exposition(text).at(R"(sluice_route_requests_total{route="all"})") == "0");
  CHECK(Exposition(scene.page()).at(R"(sluice_route_requests_total{route="other"})") == "0");
}

std::string document() {
  auto root = std::filesystem::current_path();
  while (!std::filesystem::exists(root / "docs" / "observability.md") && root.has_relative_path()) {
    root = root.parent_path();
  }
  std::ifstream file(root / "docs" / "observability.md", std::ios::binary);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("docs/observability.md has every metric as the code has it, in its order") {
  std::vector<std::string> documented;
  std::istringstream lines(document());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `sluice_")) documented.push_back(line);
  }
  std::vector<std::string> expected;
  for (const MetricReference& metric : metric_reference()) {
    expected.push_back(fmt::format("| `{}` | {} | {} | {} |", metric.name, to_string(metric.type),
                                   metric.labels.empty() ? "–" : metric.labels, metric.help));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string have = i < documented.size() ? documented[i] : "(none)";
    if (have != expected[i]) FAIL_CHECK("docs/observability.md must have, in place of ", have, ":\n", expected[i]);
  }
  CHECK(documented.size() == expected.size());
}

}  // namespace
}  // namespace sluice::control
