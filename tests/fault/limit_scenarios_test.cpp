#include <string>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// A whole shard with clients who want too much, or go behind more than anybody reads, under every fault.
namespace sluice::fault {

namespace {

void run_per_client(World& world) {
  Story story;
  story.limits = "max_connections_per_client = 1";
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.connections_shed_per_client.value() > 0, "one of them was one too many");
  };
  std::vector<Client> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(Client::Script{.sends = get("/a") + get("/chunked"),
                                        .piece = 20,
                                        .expects = {"small", "hello world"},
                                        .may_be_refused = true});
  }
  run_shard(world, std::move(clients), story);
}

void run_too_large(World& world) {
  Story story;
  story.limits = "body_bytes = 1000";
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  const std::string chunk = "12c\r\n" + std::string(300, 'c') + "\r\n";
  const std::string refusal = "413 Content Too Large\n";
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk + chunk + "0\r\n\r\n",
                     .piece = 200,
                     .expects = {refusal}});
  clients.emplace_back(
      Client::Script{.sends = head + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'c'), .expects = {refusal}});
  clients.emplace_back(Client::Script{.sends = post("/echo", std::string(1000, 'c')) + get("/a"),
                                      .expects = {std::string(1000, 'c'), "small"}});
  run_shard(world, std::move(clients), story);
}

// The rates are such that nobody meets them who is waited for through a whole window.
void run_rates(World& world) {
  Story story;
  story.limits = "body_rate_min = \"1GiB\"\nresponse_rate_min = \"1GiB\"";
  story.settings.splice_threshold = 1000;
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", std::string(3000, 'u')) + get("/big"),
                                      .piece = 700,
                                      .expects = {std::string(3000, 'u'), Origin::big_body()}});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {"nothing"}, .reads = 0, .is_stuck = true});
  run_shard(world, std::move(clients), story);
}

// More pieces than a client may have unread, and then a reset: the exchange that waits in front of them learns of it.
void run_gone_behind_many(World& world) {
  std::string sends = get("/never");
  for (int i = 0; i < 12; ++i) sends += get("/a");
  Story story;
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.client_gone.value() == 1, "the client that has gone was noticed");
  };
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/b"), .expects = {"small"}});
  clients.emplace_back(Client::Script{.sends = sends, .piece = 30, .expects = {"nothing"}, .vanishes_when_sent = true});
  run_shard(world, std::move(clients), story);
}

}  // namespace

TEST_CASE("clients with too many connections survive every fault") {
  torture({.name = "per client", .run = run_per_client, .check = {}, .plan = {}}, 300);
}

TEST_CASE("bodies that are too large survive every fault") {
  torture({.name = "too large", .run = run_too_large, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("clients with a least rate survive every fault") {
  torture({.name = "rates", .run = run_rates, .check = {}, .plan = {.socket_bytes = 1500}}, 300);
}

TEST_CASE("clients that go behind many requests survive every fault") {
  torture({.name = "gone behind many", .run = run_gone_behind_many, .check = {}, .plan = {}}, 300);
}

}  // namespace sluice::fault
