#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy_story.hpp"
#include "torture.hpp"
#include "world.hpp"

// A whole shard where things are hard also without a fault: peers that answer too soon, too late or never, and too few
// of everything.
namespace sluice::fault {

namespace {

void run_chunked_upload(World& world) {
  const std::string upload = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
  const std::string chunks = "4\r\nabcd\r\n1f4\r\n" + std::string(500, 'u') + "\r\n1\r\ne\r\n0\r\nX-Sum: 7\r\n\r\n";
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = upload + chunks + get("/a"),
                                      .piece = 97,
                                      .expects = {"abcd" + std::string(500, 'u') + "e|X-Sum: 7", "small"}});
  run_shard(world, std::move(clients), {});
}

void run_early(World& world) {
  std::vector<Client> clients;
  for (const char* path : {"/early", "/early-close"}) {
    clients.emplace_back(
        Client::Script{.sends = post(path, std::string(3000, 'u')), .piece = 500, .expects = {"early"}});
  }
  run_shard(world, std::move(clients), {});
}

void run_continue(World& world) {
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 900\r\n\r\n";
  const std::string body(900, 'c');
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = head + body + get("/a"), .expects = {body, "small"}, .continue_after = head.size()});
  run_shard(world, std::move(clients), {});
}

void run_stale(World& world) {
  Story story;
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.retries.value() == 2, "two connections turned out to be stale");
  };
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/last") + get("/resets") + get("/a") + get("/hangs-up") + get("/b"),
                                      .expects = {"small", "small", "small", "small", "small"}});
  run_shard(world, std::move(clients), story);
}

void run_second_endpoint(World& world) {
  Story story;
  story.endpoints = R"("127.0.0.1:9002", "127.0.0.1:9001")";
  story.check = [&world](const proxy::ShardCounters& counters) {
    world.expect(counters.retries.value() > 0, "the endpoint that refuses was asked");
  };
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/a") + get("/b"), .expects = {"small", "small"}});
  clients.emplace_back(
      Client::Script{.sends = post("/echo", std::string(300, 'u')), .piece = 200, .expects = {std::string(300, 'u')}});
  run_shard(world, std::move(clients), story);
}

std::vector<Client> stuck_clients() {
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"small"}});
  clients.emplace_back(Client::Script{.sends = get("/never"), .expects = {"nothing"}, .is_stuck = true});
  clients.emplace_back(
      Client::Script{.sends = post("/deaf", std::string(8000, 'u')), .expects = {"nothing"}, .is_stuck = true});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {"nothing"}, .reads = 0, .is_stuck = true});
  return clients;
}

void run_drain_deadline(World& world) {
  Story story;
  story.settings.splice_threshold = 1000;
  story.drain = std::chrono::seconds(2);
  story.breaks_off = true;
  run_shard(world, stuck_clients(), story);
}

void run_cut_off(World& world) {
  Story story;
  story.cuts_off = true;
  story.breaks_off = true;
  run_shard(world, stuck_clients(), story);
}

// How far the runs of a scenario have come, all of them together: what they are about must have happened in some.
std::uint64_t own_buffer_turns = 0;
std::uint64_t overflow_turns = 0;

void note_own_buffers(proxy::Shard& shard) { own_buffer_turns += shard.gather_blocks().outstanding() != 0 ? 1 : 0; }

void note_overflow(proxy::Shard& shard) {
  const unsigned flags = __atomic_load_n(shard.loop().ring().sq.kflags, __ATOMIC_ACQUIRE);
  overflow_turns += (flags & IORING_SQ_CQ_OVERFLOW) != 0 ? 1 : 0;
}

void run_few_buffers(World& world) {
  Story story;
  story.settings.receive_buffers = 2;
  story.settings.message_buffers = 2;
  story.watch = note_own_buffers;
  const std::string upload(2500, 'u');
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = post("/echo", upload), .piece = 600, .expects = {upload}, .may_be_refused = true});
  clients.emplace_back(
      Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}, .reads = 400, .may_be_refused = true});
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"small"}, .may_be_refused = true});
  run_shard(world, std::move(clients), story);
}

void run_no_pipes(World& world) {
  Story story;
  story.settings.pipes = 0;
  story.settings.splice_threshold = 1000;
  story.settings.receive_buffer = 4096;
  story.origin_piece = 9000;
  story.watch = note_own_buffers;
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", Origin::big_body(70'000)) + get("/huge"),
                                      .piece = 9000,
                                      .expects = {Origin::big_body(70'000), Origin::big_body(70'000)}});
  run_shard(world, std::move(clients), story);
}

// What came together with the head is sent from where it was received.
void run_large_pieces(World& world) {
  Story story;
  story.settings.receive_buffers = 2;
  story.settings.receive_buffer = 16384;
  const std::string first = Origin::big_body(9000);
  const std::string second(9000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", first), .piece = 7000, .expects = {first}});
  clients.emplace_back(Client::Script{.sends = post("/echo", second), .piece = 7000, .expects = {second}});
  run_shard(world, std::move(clients), story);
}

void run_small_completion_queue(World& world) {
  Story story;
  story.settings.splice_threshold = 1000;
  story.watch = note_overflow;
  const std::string upload(2000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", upload), .piece = 700, .expects = {upload}});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}});
  clients.emplace_back(Client::Script{.sends = get("/a") + get("/chunked"), .expects = {"small", "hello world"}});
  run_shard(world, std::move(clients), story);
}

}  // namespace

TEST_CASE("uploads in chunks survive every fault") {
  torture({.name = "chunked upload", .run = run_chunked_upload, .check = {}, .plan = {}}, 300);
}

TEST_CASE("responses that come before the upload has ended survive every fault") {
  torture({.name = "early", .run = run_early, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("clients that wait for a 100 survive every fault") {
  torture({.name = "continue", .run = run_continue, .check = {}, .plan = {}}, 300);
}

TEST_CASE("stale connections survive every fault") {
  torture({.name = "stale", .run = run_stale, .check = {}, .plan = {}}, 500);
}

TEST_CASE("an endpoint that refuses survives every fault") {
  torture({.name = "second endpoint", .run = run_second_endpoint, .check = {}, .plan = {}}, 300);
}

TEST_CASE("the end of a drain survives every fault") {
  torture({.name = "drain deadline", .run = run_drain_deadline, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("being cut off survives every fault") {
  torture({.name = "cut off", .run = run_cut_off, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
}

TEST_CASE("few buffers survive every fault") {
  own_buffer_turns = 0;
  torture({.name = "few buffers", .run = run_few_buffers, .check = {}, .plan = {.socket_bytes = 1500}}, 500);
  CHECK(own_buffer_turns > 0);
}

TEST_CASE("long bodies without a pipe survive every fault") {
  own_buffer_turns = 0;
  torture({.name = "no pipes", .run = run_no_pipes, .check = {}, .plan = {}}, 0, 1000);
  CHECK(own_buffer_turns > 0);
}

TEST_CASE("large pieces survive every fault") {
  torture({.name = "large pieces", .run = run_large_pieces, .check = {}, .plan = {.socket_bytes = 6000}}, 200);
}

TEST_CASE("a small completion queue survives every fault") {
  overflow_turns = 0;
  torture({.name = "small completion queue",
           .run = run_small_completion_queue,
           .check = {},
           .plan = {.socket_bytes = 1500, .completion_entries_max = 2}},
          300);
  CHECK(overflow_turns > 0);
}

}  // namespace sluice::fault
