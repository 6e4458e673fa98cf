#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// Reloads in the middle of exchanges, under every fault: what is asked before, during and after one gets its answer,
// and in the end nothing of an older configuration is left.
namespace sluice::fault {

namespace {

constexpr const char* first_endpoint = R"("127.0.0.1:9001")";
constexpr const char* dead_then_first = R"("127.0.0.1:9009", "127.0.0.1:9001")";

// All scenarios of a kind together: what they are about must have happened in some.
std::uint64_t turns_with_remnants = 0;
std::uint64_t turns_with_retired = 0;

void note_what_is_left(proxy::Shard& shard) {
  turns_with_remnants += shard.remnants().size() != 0 ? 1 : 0;
  turns_with_retired += shard.upstreams().retired() != 0 ? 1 : 0;
}

std::vector<Client> busy_clients() {
  const std::string upload(2000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", upload), .piece = 300, .expects = {upload}});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}, .reads = 400});
  clients.emplace_back(
      Client::Script{.sends = get("/a") + get("/chunked") + get("/b"), .expects = {"small", "hello world", "small"}});
  return clients;
}

void run_routes(World& world) {
  Story story;
  story.reloads = std::vector<Reload>(6);
  story.rounds_between_reloads = 1;
  story.watch = note_what_is_left;
  run_shard(world, busy_clients(), story);
}

void run_upstreams(World& world) {
  Story story;
  story.reloads = {{.upstream = "other"},
                   {.upstream = "api"},
                   {.endpoints = dead_then_first, .upstream = "api"},
                   {.upstream = "third"}};
  story.rounds_between_reloads = 2;
  story.watch = note_what_is_left;
  run_shard(world, busy_clients(), story);
}

void run_endpoints(World& world) {
  Story story;
  story.endpoints = dead_then_first;
  story.reloads = {{.endpoints = first_endpoint}, {.endpoints = dead_then_first}, {.endpoints = first_endpoint}};
  story.rounds_between_reloads = 1;
  run_shard(world, busy_clients(), story);
}

// A stream that goes on over several reloads, with the upstream gone from the configuration.
void run_spliced(World& world) {
  Story story;
  story.settings.splice_threshold = 1000;
  story.reloads = {{.upstream = "other"}, {.upstream = "third"}, {.upstream = "api"}};
  story.rounds_between_reloads = 1;
  story.watch = note_what_is_left;
  run_shard(world, busy_clients(), story);
}

// The first listener goes, the second comes; who was on the first gets the answer to what it has asked.
void run_listeners(World& world) {
  Story story;
  story.reloads = {{.adds_second_listener = true}, {.upstream = "other", .removes_first_listener = true}};
  story.rounds_between_reloads = 2;
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}, .reads = 400});
  // The second of the two requests may come when nothing is served here any more.
  clients.emplace_back(Client::Script{
      .sends = get("/a") + get("/b"), .piece = 9, .expects = {"small", "small"}, .may_be_refused = true});
  clients.emplace_back(
      Client::Script{.sends = get("/a"), .expects = {"small"}, .port = 8081, .starts_after_reloads = 1});
  clients.emplace_back(Client::Script{
      .sends = get("/a") + get("/b"), .expects = {"small", "small"}, .port = 8081, .starts_after_reloads = 2});
  run_shard(world, std::move(clients), story);
}

void run_reload_then_drain(World& world) {
  Story story;
  story.reloads = {{.upstream = "other", .adds_second_listener = true, .removes_first_listener = true}};
  story.rounds_between_reloads = 3;
  story.ends_in_reload = true;
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = get("/a") + get("/b"), .expects = {"small", "small"}, .may_be_refused = true});
  run_shard(world, std::move(clients), story);
}

void run_reload_then_cut_off(World& world) {
  Story story;
  story.reloads = {{.upstream = "other", .adds_second_listener = true, .removes_first_listener = true}};
  story.rounds_between_reloads = 3;
  story.ends_in_reload = true;
  story.cuts_off = true;
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = get("/a") + get("/b"), .expects = {"small", "small"}, .may_be_refused = true});
  run_shard(world, std::move(clients), story);
}

}  // namespace

TEST_CASE("new snapshots survive every fault") {
  turns_with_remnants = 0;
  torture({.name = "reload routes", .run = run_routes, .check = {}, .plan = {.socket_bytes = 1500}}, 500, 4000);
  CHECK(turns_with_remnants > 0);
}

TEST_CASE("upstreams that come and go survive every fault") {
  turns_with_retired = 0;
  torture({.name = "reload upstreams", .run = run_upstreams, .check = {}, .plan = {.socket_bytes = 1500}}, 500, 4000);
  CHECK(turns_with_retired > 0);
}

TEST_CASE("endpoints that come and go survive every fault") {
  torture({.name = "reload endpoints", .run = run_endpoints, .check = {}, .plan = {.socket_bytes = 1500}}, 500, 4000);
}

TEST_CASE("spliced bodies over reloads survive every fault") {
  turns_with_remnants = 0;
  torture({.name = "reload spliced", .run = run_spliced, .check = {}, .plan = {.socket_bytes = 1500}}, 500, 4000);
  CHECK(turns_with_remnants > 0);
}

TEST_CASE("listeners that come and go survive every fault") {
  torture({.name = "reload listeners", .run = run_listeners, .check = {}, .plan = {}}, 500, 4000);
}

TEST_CASE("a drain on the heels of a reload survives every fault") {
  torture({.name = "reload drain", .run = run_reload_then_drain, .check = {}, .plan = {}}, 500, 4000);
}

TEST_CASE("being cut off on the heels of a reload survives every fault") {
  torture({.name = "reload cut off", .run = run_reload_then_cut_off, .check = {}, .plan = {}}, 500, 4000);
}

}  // namespace sluice::fault
