#include <string>
#include <vector>

#include "net/trusted_peer.hpp"
#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// A whole shard whose connections begin with PROXY headers, under every fault: what follows a whole header is served,
// nothing is served without one, and in the end nothing is left.
namespace sluice::fault {

namespace {

const std::string line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const std::string binary = std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16) +
                           std::string("\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", 12);

std::uint64_t counted(const proxy::ShardCounters& counters, proxy::Reason reason) {
  return counters.reasons[static_cast<std::size_t>(reason)].value();
}

Story announced() {
  Story story;
  const std::vector<net::TrustedPeer> everybody{{IpNetwork::parse("127.0.0.0/8")}};
  story.listener.proxy_header = {.from = net::PeerSet(everybody)};
  return story;
}

Client::Script asks(const std::string& header, std::size_t piece) {
  return {.sends = header + get("/a") + get("/chunked"), .piece = piece, .expects = {"small", "hello world"}};
}

void run_headers(World& world) {
  Story story = announced();
  story.limits = "max_connections_per_client = 2";
  std::vector<Client> clients;
  clients.emplace_back(asks(line, 5));
  clients.emplace_back(asks(binary, SIZE_MAX));
  run_shard(world, std::move(clients), story);
}

// One that says something else, one that is cut in the middle by a reset, and one that never ends.
void run_broken(World& world) {
  Story story = announced();
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.requests.value() == 2, "nothing without a header is a request");
    world.expect(counted(counters, proxy::Reason::bad_proxy_header) == 1, "the broken one is counted");
    world.expect(counted(counters, proxy::Reason::client_closed) <= 1, "so is the one that left, if it was heard");
    world.expect(counted(counters, proxy::Reason::proxy_header_timeout) == 1, "and the one that took too long");
  };
  std::vector<Client> clients;
  clients.emplace_back(asks(binary, 7));
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"nothing"}, .may_be_refused = true});
  clients.emplace_back(Client::Script{.sends = line.substr(0, 20), .expects = {"nothing"}, .vanishes_when_sent = true});
  clients.emplace_back(
      Client::Script{.sends = binary.substr(0, 20), .piece = 6, .expects = {"nothing"}, .may_be_refused = true});
  run_shard(world, std::move(clients), story);
}

void run_untrusted(World& world) {
  Story story;
  const std::vector<net::TrustedPeer> elsewhere{{IpNetwork::parse("10.0.0.0/8")}};
  story.listener.proxy_header = {.from = net::PeerSet(elsewhere)};
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect_zero("requests of who is not trusted", counters.requests.value());
    world.expect(counted(counters, proxy::Reason::untrusted_proxy) == 2, "both are counted");
  };
  std::vector<Client> clients;
  for (const std::string& header : {line, std::string()}) {
    clients.emplace_back(Client::Script{.sends = header + get("/a"), .expects = {"nothing"}, .may_be_refused = true});
  }
  run_shard(world, std::move(clients), story);
}

void run_drained(World& world) {
  Story story = announced();
  std::vector<Client> clients;
  clients.emplace_back(asks(line, SIZE_MAX));
  clients.emplace_back(Client::Script{.sends = "PROXY", .expects = {"nothing"}, .is_stuck = true});
  run_shard(world, std::move(clients), story);
}

}  // namespace

TEST_CASE("PROXY headers survive every fault") {
  torture({.name = "proxy header", .run = run_headers, .check = {}, .plan = {}}, 500);
}

TEST_CASE("broken PROXY headers survive every fault") {
  torture({.name = "broken proxy header", .run = run_broken, .check = {}, .plan = {}}, 500);
}

TEST_CASE("connections from who may send no PROXY header survive every fault") {
  torture({.name = "untrusted proxy", .run = run_untrusted, .check = {}, .plan = {}}, 200);
}

TEST_CASE("a drain that meets half a PROXY header survives every fault") {
  torture({.name = "drained proxy header", .run = run_drained, .check = {}, .plan = {}}, 200);
}

}  // namespace sluice::fault
