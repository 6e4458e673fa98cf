#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// Tunnels of a whole shard under every fault: what comes out of one is what went in, and in the end nothing is left.
namespace sluice::fault {

namespace {

const std::string ask = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

Client::Script tunnel(std::string_view bytes, std::size_t piece) {
  return {.sends = ask + std::string(bytes),
          .piece = piece,
          .expects = {"nothing that is framed"},
          .continue_after = ask.size(),
          .is_tunnel = true};
}

void expect_none_left(World& world, const Story& story, std::vector<Client> clients) {
  Story checked = story;
  checked.check = [&world, count = clients.size()](const proxy::ShardCounters& counters) {
    world.expect_zero("open tunnels", counters.tunnels_open.value());
    world.expect(counters.tunnels.value() == count, "each became a tunnel");
  };
  run_shard(world, std::move(clients), checked);
}

void run_small(World& world) {
  std::vector<Client> clients;
  clients.emplace_back(tunnel("hello", 3));
  clients.emplace_back(tunnel(std::string(1200, 't'), 500));
  expect_none_left(world, {}, std::move(clients));
}

void expect_big_passes(World& world, const Story& story) {
  std::vector<Client> clients;
  clients.emplace_back(tunnel(Origin::big_body(6000), SIZE_MAX));
  expect_none_left(world, story, std::move(clients));
}

// The sockets take little at a time, so that both directions stall and move what they have in bulk.
void run_bulk(World& world) {
  Story story;
  story.settings.splice_threshold = 1000;
  expect_big_passes(world, story);
}

void run_no_pipes(World& world) {
  Story story;
  story.settings.pipes = 0;
  story.settings.splice_threshold = 1000;
  story.settings.receive_buffers = 2;
  story.settings.message_buffers = 4;
  expect_big_passes(world, story);
}

void run_vanishing(World& world) {
  Story story;
  story.settings.splice_threshold = 1000;
  std::vector<Client> clients;
  clients.emplace_back(tunnel(Origin::big_body(4000), SIZE_MAX));
  Client::Script vanishing = tunnel(Origin::big_body(4000), 900);
  vanishing.vanish_after = 1000;
  clients.emplace_back(vanishing);
  run_shard(world, std::move(clients), story);
}

std::vector<Client> resting_clients() {
  Client::Script resting = tunnel("hello", SIZE_MAX);
  resting.is_stuck = true;
  resting.is_tunnel = false;  // it does not end its half either
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"small"}});
  clients.emplace_back(resting);
  return clients;
}

void run_idle(World& world) {
  Story story;
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.tunnels.value() == 1 && counters.tunnels_open.value() == 0, "the tunnel ended by itself");
  };
  run_shard(world, resting_clients(), story);
}

void run_drained(World& world) {
  Story story;
  story.drain = std::chrono::seconds(2);
  story.breaks_off = true;
  run_shard(world, resting_clients(), story);
}

}  // namespace

TEST_CASE("tunnels survive every fault") {
  torture({.name = "tunnel", .run = run_small, .check = {}, .plan = {}}, 1000);
}

TEST_CASE("tunnels that move much survive every fault") {
  torture({.name = "bulk tunnel", .run = run_bulk, .check = {}, .plan = {.socket_bytes = 1500}}, 1000);
}

TEST_CASE("tunnels without a pipe and with few buffers survive every fault") {
  torture({.name = "tunnel without pipes", .run = run_no_pipes, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("tunnels whose clients vanish survive every fault") {
  torture({.name = "vanishing tunnel", .run = run_vanishing, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("tunnels that rest for too long survive every fault") {
  torture({.name = "idle tunnel", .run = run_idle, .check = {}, .plan = {}}, 300);
}

TEST_CASE("tunnels that a drain cuts off survive every fault") {
  torture({.name = "drained tunnel", .run = run_drained, .check = {}, .plan = {}}, 300);
}

}  // namespace sluice::fault
