#include "proxy/compile.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/remnant.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Snapshot> compiled(const std::string& more, const Snapshot* previous = nullptr,
                                   const std::string& upstream = "a") {
  auto configuration = parse_configuration("test.toml", R"(
[[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.)" + upstream + R"(]
endpoints = ["127.0.0.1:9001"]
[[route]]
name = "everything"
upstream = ")" + upstream + R"("
)" + more);
  REQUIRE(configuration.has_value());
  return compile(*configuration, {.shards = 1, .max_connections = 77}, previous);
}

TEST_CASE("a snapshot says what the configuration says") {
  auto snapshot = compiled(R"(
[limits]
head_bytes = "8KiB"
head_fields = 20
target_bytes = "1KiB"
trailer_bytes = "2KiB"
max_requests = 9
[timeouts]
head = "3s"
idle = "4s"
)");
  CHECK(snapshot->head_limits.bytes_max == 8192);
  CHECK(snapshot->head_limits.fields_max == 20);
  CHECK(snapshot->head_limits.target_bytes_max == 1024);
  CHECK(snapshot->limits.trailer_bytes == 2048);
  CHECK(snapshot->limits.max_requests == 9);
  CHECK(snapshot->timeouts.head == 3s);
  CHECK(snapshot->max_connections == 77);
  REQUIRE(snapshot->upstreams != nullptr);
  REQUIRE(snapshot->upstreams->upstreams.size() == 1);
  const route::Route* route = snapshot->routes.match({.host = "x", .path = "/"});
  REQUIRE(route != nullptr);
  CHECK(route->name == "everything");
  CHECK(route->upstream == 0);
  CHECK(route->timeouts.idle == 4s);
  CHECK(compiled("[limits]\nmax_connections = 5\n")->max_connections == 5);
}

TEST_CASE("snapshots share the list of upstreams as long as it is the same") {
  auto first = compiled("");
  auto second = compiled("# another place for everything\n\n\n[limits]\nmax_requests = 9\n", first.get());
  CHECK(second->upstreams == first->upstreams);
  auto third = compiled("", second.get(), "b");
  CHECK(third->upstreams != first->upstreams);
  CHECK(third->upstreams->version > first->upstreams->version);
  auto fourth = compiled("[upstream.a.keep_alive]\nmax_idle = 1\n", first.get());
  CHECK(fourth->upstreams != first->upstreams);
  CHECK(fourth->upstreams->version != first->upstreams->version);
}

TEST_CASE("exchanges with the same route of the same snapshot share what they keep of it") {
  SnapshotPublisher publisher(compiled("[timeouts]\nidle = \"4s\"\n[response_headers]\nset = { \"X-A\" = \"1\" }\n"),
                              1);
  SnapshotReader reader(publisher.newest(), nullptr);
  RemnantSet remnants;
  SnapshotReader::Lease lease = reader.lease();
  SnapshotReader::Lease same = reader.lease();
  const route::Route* route = lease->routes.match({.host = "x", .path = "/"});
  REQUIRE(route != nullptr);
  RemnantSet::Use first = remnants.keep(lease, route);
  RemnantSet::Use second = remnants.keep(same, route);
  CHECK(remnants.size() == 1);
  CHECK(&first->route == &second->route);
  publisher.publish(compiled("[timeouts]\nidle = \"5s\"\n"));
  CHECK(reader.refresh());
  SnapshotReader::Lease newer = reader.lease();
  RemnantSet::Use third = remnants.keep(newer, newer->routes.match({.host = "x", .path = "/"}));
  CHECK(remnants.size() == 2);
  RemnantSet::Use without_route = remnants.keep(lease, nullptr);
  CHECK(remnants.size() == 3);
  lease.reset();
  same.reset();
  CHECK(publisher.reclaim() == 1);
  // The snapshot is gone, what was kept of it is not.
  CHECK(first->route.name == "everything");
  CHECK(first->route.timeouts.idle == 4s);
  CHECK(first->terms.timeouts.idle == 4s);
  CHECK(third->terms.timeouts.idle == 5s);
  CHECK(without_route->terms.timeouts.idle == 4s);
  CHECK(without_route->route.name.empty());
  CHECK_FALSE(without_route->route.response_edits.is_empty());
  without_route = RemnantSet::Use();
  first = RemnantSet::Use();
  CHECK(remnants.size() == 2);
  second = std::move(third);
  CHECK(remnants.size() == 1);
  second = RemnantSet::Use();
  CHECK(remnants.size() == 0);
  CHECK_FALSE(second);
}

}  // namespace
}  // namespace sluice::proxy
