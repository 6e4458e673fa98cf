#include <string>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// A whole shard under every fault: clients and an origin made of scripts, the proxy in between made of the real thing.
// Whatever goes wrong, a response that looks complete is the right one, and in the end nothing is left.
namespace sluice::fault {

namespace {

void run_small(World& world) {
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = get("/a") + get("/chunked") + get("/b"), .expects = {"small", "hello world", "small"}});
  clients.emplace_back(
      Client::Script{.sends = get("/close") + get("/c"), .piece = 9, .expects = {"until the end", "small"}});
  run_shard(world, std::move(clients), {});
}

void run_bodies(World& world) {
  std::string upload(3000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", upload), .piece = 700, .expects = {upload}});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}});
  run_shard(world, std::move(clients), {});
}

void run_spliced(World& world) {
  Story spliced;
  spliced.settings.splice_threshold = 1000;
  std::string upload(3000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{
      .sends = post("/echo", upload) + get("/big"), .piece = 700, .expects = {upload, Origin::big_body()}});
  run_shard(world, std::move(clients), spliced);
}

void run_vanishing(World& world) {
  Story spliced;
  spliced.settings.splice_threshold = 1000;
  std::string upload(2000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}, .vanish_after = 600});
  clients.emplace_back(
      Client::Script{.sends = post("/echo", upload), .piece = 300, .expects = {upload}, .vanish_after = 1});
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"small"}});
  run_shard(world, std::move(clients), spliced);
}

void run_unix(World& world) {
  Story story;
  story.is_unix = true;
  story.endpoints = R"("unix:@origin")";
  story.reloads = {Reload{.endpoints = story.endpoints}};
  story.settings.splice_threshold = 1000;
  const std::string upload(2000, 'u');
  std::vector<Client::Script> scripts{
      {.sends = get("/a") + get("/chunked") + get("/big"), .expects = {"small", "hello world", Origin::big_body()}},
      {.sends = post("/echo", upload), .piece = 700, .expects = {upload}},
      {.sends = get("/big"), .expects = {Origin::big_body()}, .vanish_after = 600},
  };
  std::vector<Client> clients;
  for (Client::Script& script : scripts) {
    script.port = 0;  // no port: the unix socket
    clients.emplace_back(script);
  }
  run_shard(world, std::move(clients), story);
}

}  // namespace

TEST_CASE("small exchanges survive every fault") {
  torture({.name = "small", .run = run_small, .check = {}, .plan = {}}, 2500);
}

TEST_CASE("copied bodies survive every fault") {
  torture({.name = "bodies", .run = run_bodies, .check = {}, .plan = {.socket_bytes = 1500}}, 2500);
}

TEST_CASE("spliced bodies survive every fault") {
  torture({.name = "spliced", .run = run_spliced, .check = {}, .plan = {.socket_bytes = 1500}}, 2500);
}

TEST_CASE("vanishing clients survive every fault") {
  torture({.name = "vanishing", .run = run_vanishing, .check = {}, .plan = {.socket_bytes = 1500}}, 2500);
}

TEST_CASE("exchanges over unix sockets survive every fault") {
  torture({.name = "unix", .run = run_unix, .check = {}, .plan = {.socket_bytes = 1500}}, 2500);
}

}  // namespace sluice::fault
