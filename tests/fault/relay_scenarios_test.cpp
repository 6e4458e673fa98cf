#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// TCP listeners of a whole shard under every fault: what comes back is what was sent, and in the end nothing is left.
namespace sluice::fault {

namespace {

Story relaying() {
  Story story;
  story.listener.protocol = net::ListenerProtocol::tcp;
  story.listener.upstream = "api";
  return story;
}

Client::Script sends(std::string_view bytes, std::size_t piece) {
  return {.sends = std::string(bytes), .piece = piece, .expects = {"nothing that is framed"}, .is_raw = true};
}

void run_checked(World& world, const Story& story, std::vector<Client> clients) {
  Story checked = story;
  checked.check = [&world, story, count = clients.size()](const proxy::ShardCounters& counters) {
    world.expect_zero("open relays", counters.relays_open.value());
    world.expect(counters.relays.value() == count, "each was a relay");
    if (story.check) story.check(counters);
  };
  run_shard(world, std::move(clients), checked);
}

void run_small(World& world) {
  std::vector<Client> clients;
  clients.emplace_back(sends("hello", 2));
  clients.emplace_back(sends(std::string(1200, 't'), 500));
  run_checked(world, relaying(), std::move(clients));
}

// The sockets take little at a time, so that both directions stall and move what they have in bulk.
void run_bulk(World& world) {
  Story story = relaying();
  story.settings.splice_threshold = 1000;
  std::vector<Client> clients;
  clients.emplace_back(sends(Origin::big_body(6000), SIZE_MAX));
  run_checked(world, story, std::move(clients));
}

void run_vanishing(World& world) {
  Story story = relaying();
  story.settings.splice_threshold = 1000;
  std::vector<Client> clients;
  clients.emplace_back(sends(Origin::big_body(4000), SIZE_MAX));
  Client::Script vanishing = sends(Origin::big_body(4000), 900);
  vanishing.vanish_after = 1000;
  clients.emplace_back(vanishing);
  Client::Script silent = sends("", SIZE_MAX);
  silent.vanishes_when_sent = true;
  silent.may_be_refused = true;
  clients.emplace_back(silent);
  run_shard(world, std::move(clients), story);
}

void run_second_endpoint(World& world) {
  Story story = relaying();
  story.endpoints = R"("127.0.0.1:9009", "127.0.0.1:9001")";
  story.reloads = {};
  std::vector<Client> clients;
  clients.emplace_back(sends("hello", SIZE_MAX));
  clients.emplace_back(sends("hello again", 3));
  run_checked(world, story, std::move(clients));
}

void run_unconnected(World& world) {
  Story story = relaying();
  story.endpoints = R"("127.0.0.1:9008", "127.0.0.1:9009")";
  story.reloads = {};
  story.check = [&world](const proxy::ShardCounters& counters) {
    const auto refused = counters.reasons[static_cast<std::size_t>(proxy::Reason::upstream_refused)].value();
    world.expect(refused == 1, "the reason is counted");
  };
  Client::Script refused = sends("hello", SIZE_MAX);
  refused.may_be_refused = true;
  std::vector<Client> clients;
  clients.emplace_back(refused);
  run_checked(world, story, std::move(clients));
}

// With a header in front on both sides, of which the endpoint sees the one that is written for it.
void run_announced(World& world) {
  Story story = relaying();
  const std::vector<net::TrustedPeer> everybody{{IpNetwork::parse("127.0.0.0/8")}};
  story.listener.proxy_header = {.from = net::PeerSet(everybody)};
  story.upstream = "proxy_protocol = \"v1\"";
  const std::string line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
  std::vector<Client> clients;
  clients.emplace_back(sends(line + "hello", 9));
  clients.emplace_back(sends(line, SIZE_MAX));
  run_checked(world, story, std::move(clients));
}

std::vector<Client> resting_clients() {
  Client::Script resting = sends("hello", SIZE_MAX);
  resting.is_stuck = true;
  resting.is_raw = false;  // it does not end its half
  std::vector<Client> clients;
  clients.emplace_back(sends("gone soon", SIZE_MAX));
  clients.emplace_back(resting);
  return clients;
}

void run_idle(World& world) { run_checked(world, relaying(), resting_clients()); }

void run_drained(World& world) {
  Story story = relaying();
  story.drain = std::chrono::seconds(2);
  story.breaks_off = true;
  run_checked(world, story, resting_clients());
}

// The upstream goes, and the listener after it, while there are connections.
void run_reloaded(World& world) {
  Story story = relaying();
  story.reloads = {Reload{.upstream = "other"},
                   Reload{.endpoints = R"("127.0.0.1:9001", "127.0.0.1:9009")", .upstream = "third"},
                   Reload{.upstream = "last", .removes_first_listener = true}};
  std::vector<Client> clients;
  clients.emplace_back(sends(std::string(900, 'r'), 30));
  Client::Script later = sends("behind a reload", 2);
  later.starts_after_reloads = 1;
  clients.emplace_back(later);
  run_checked(world, story, std::move(clients));
}

}  // namespace

TEST_CASE("relays survive every fault") { torture({.name = "relay", .run = run_small, .check = {}, .plan = {}}, 1000); }

TEST_CASE("relays that move much survive every fault") {
  torture({.name = "bulk relay", .run = run_bulk, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("relays whose clients vanish survive every fault") {
  torture({.name = "vanishing relay", .run = run_vanishing, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("relays whose first endpoint refuses survive every fault") {
  torture({.name = "second relay", .run = run_second_endpoint, .check = {}, .plan = {}}, 300);
}

TEST_CASE("relays that nobody takes survive every fault") {
  torture({.name = "unconnected relay", .run = run_unconnected, .check = {}, .plan = {}}, 300);
}

TEST_CASE("relays with PROXY headers survive every fault") {
  torture({.name = "announced relay", .run = run_announced, .check = {}, .plan = {}}, 300);
}

TEST_CASE("relays that rest for too long survive every fault") {
  torture({.name = "idle relay", .run = run_idle, .check = {}, .plan = {}}, 300);
}

TEST_CASE("relays that a drain cuts off survive every fault") {
  torture({.name = "drained relay", .run = run_drained, .check = {}, .plan = {}}, 300);
}

TEST_CASE("relays whose upstream and listener go survive every fault") {
  torture({.name = "reloaded relay", .run = run_reloaded, .check = {}, .plan = {}}, 300);
}

}  // namespace sluice::fault
