#include "message/tunnel.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/outcome.hpp"
#include "net/stream_fixture.hpp"

namespace sluice::message {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using test::Connected;
using test::NetFixture;
using test::numbered_bytes;
using test::outcome;

constexpr TunnelSettings patient{.idle_timeout = 60s, .stall_timeout = 60s, .long_receive_bytes = 4096};

// What: two connections with a tunnel between them, and how it ended.
struct Passage {
  explicit Passage(NetFixture& net_fixture, std::size_t pipe_count = 2, int socket_bytes = 0)
      : fixture(net_fixture),
        client(fixture, 4, socket_bytes),
        server(fixture, 8, socket_bytes),
        from_client(client.stream, fixture.blocks()),
        from_server(server.stream, fixture.blocks()),
        pipes({.pipe_bytes = 65536, .count_max = pipe_count}) {}
  ~Passage() {
    (void)from_client.discard();
    (void)from_server.discard();
  }

  [[nodiscard]] bool has_ended() const { return !how.empty(); }
  [[nodiscard]] bool holds_nothing() const {
    return fixture.buffers().outstanding() == 0 && fixture.blocks().outstanding() == 0 && pipes.outstanding() == 0;
  }

  NetFixture& fixture;
  Connected client;
  Connected server;
  Input from_client;
  Input from_server;
  net::PipePool pipes;
  std::string how;  // empty: still going on
  Side side = Side::local;
};

Task<void> run_tunnel(Passage& passage, TunnelSettings settings) {
  Tunnel tunnel(co_await runtime::this_strand(), passage.from_client, passage.from_server, passage.pipes, settings);
  Result<void> ended = co_await tunnel.run();
  if (!ended) passage.side = ended.error().side;
  passage.how = outcome(ended);
}

TEST_CASE("bytes pass both ways at once, whatever they are moved with") {
  struct Row {
    std::size_t pipe_count;
    bool may_splice;
    int socket_bytes;
    std::size_t heard_at_once;
  };
  const Row rows[] = {{2, true, 0, 1 << 20}, {2, true, 8192, 700},   {1, true, 8192, 1 << 20}, {0, true, 0, 30'000},
                      {0, true, 8192, 700},  {2, false, 0, 1 << 20}, {2, false, 8192, 700}};
  for (const Row& row : rows) {
    CAPTURE(row.pipe_count);
    CAPTURE(row.may_splice);
    CAPTURE(row.socket_bytes);
    NetFixture fixture;
    Passage passage(fixture, row.pipe_count, row.socket_bytes);
    TunnelSettings settings = patient;
    settings.may_splice = row.may_splice;
    const std::string forth = numbered_bytes(300'001);
    const std::string back = numbered_bytes(200'003) + "!";
    std::size_t said_forth = 0;
    std::size_t said_back = 0;
    std::string heard_forth;
    std::string heard_back;
    fixture.spawn(run_tunnel(passage, settings));
    fixture.run_until([&] {
      if (said_forth < forth.size()) {
        said_forth += passage.client.peer.say(std::string_view(forth).substr(said_forth));
        if (said_forth == forth.size()) passage.client.peer.finish();
      }
      if (said_back < back.size()) {
        said_back += passage.server.peer.say(std::string_view(back).substr(said_back));
        if (said_back == back.size()) passage.server.peer.finish();
      }
      heard_forth += passage.server.peer.hear(row.heard_at_once);
      heard_back += passage.client.peer.hear(row.heard_at_once);
      return passage.has_ended() && passage.client.peer.has_ended() && passage.server.peer.has_ended();
    });
    CHECK(passage.how == "ok");
    CHECK(heard_forth == forth);
    CHECK(heard_back == back);
    CHECK(passage.holds_nothing());
  }
}

Task<void> take_head(Passage& passage) {
  CHECK(outcome(co_await passage.from_client.fill(passage.fixture.far())) == "ok");
  passage.from_client.consume(5);
}

TEST_CASE("what the inputs hold goes first") {
  NetFixture fixture;
  Passage passage(fixture);
  passage.client.peer.say("head first ");
  passage.client.stream.start_receiving();
  fixture.spawn(take_head(passage));
  fixture.run_until([&] { return !passage.from_client.is_empty(); });
  fixture.spawn(run_tunnel(passage, patient));
  passage.client.peer.say("second");
  std::string heard;
  fixture.run_until([&] { return (heard += passage.server.peer.hear()).size() >= 12; });
  CHECK(heard == "first second");
  passage.client.peer.finish();
  passage.server.peer.finish();
  fixture.run_until([&] { return passage.has_ended(); });
  CHECK(passage.how == "ok");
}

TEST_CASE("a tunnel that rests holds nothing, also after it moved much") {
  NetFixture fixture;
  Passage passage(fixture);
  const std::string much = numbered_bytes(400'000);
  fixture.spawn(run_tunnel(passage, patient));
  for (int round = 0; round < 2; ++round) {
    std::size_t said = 0;
    std::string heard;
    fixture.run_until([&] {
      said += passage.client.peer.say(std::string_view(much).substr(said));
      heard += passage.server.peer.hear();
      return heard.size() == much.size();
    });
    CHECK(heard == much);
    fixture.run_until([&] { return passage.holds_nothing(); });
    // Small talk in between, which is received like heads are.
    for (int i = 0; i < 10; ++i) {
      passage.server.peer.say("small");
      passage.client.peer.say("talk");
      std::string small;
      fixture.run_until([&] { return (small += passage.client.peer.hear()).size() == 5; });
      small.clear();
      fixture.run_until([&] { return (small += passage.server.peer.hear()).size() == 4; });
      fixture.run_until([&] { return passage.holds_nothing(); });
    }
  }
  fixture.loop().cancel_roots();
  fixture.run_until([&] { return passage.has_ended(); });
  CHECK(passage.how == "cancelled");
}

TEST_CASE("the end of one side is passed on, and the other direction goes on") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    NetFixture fixture;
    Passage passage(fixture);
    Connected& first = client_first ? passage.client : passage.server;
    Connected& second = client_first ? passage.server : passage.client;
    fixture.spawn(run_tunnel(passage, patient));
    first.peer.say("last words");
    first.peer.finish();
    std::string heard;
    fixture.run_until([&] {
      heard += second.peer.hear();
      return second.peer.has_ended();
    });
    CHECK(heard == "last words");
    CHECK(second.peer.error() == 0);
    CHECK_FALSE(passage.has_ended());
    heard.clear();
    second.peer.say("still there");
    fixture.run_until([&] { return (heard += first.peer.hear()).size() == 11; });
    CHECK_FALSE(first.peer.has_ended());
    second.peer.finish();
    fixture.run_until([&] { return passage.has_ended(); });
    CHECK(passage.how == "ok");
  }
}

TEST_CASE("what cuts a tunnel, and whose fault it was") {
  struct Row {
    std::string_view what;
    void (*action)(NetFixture&, Passage&);
    std::string_view outcome;
    Side side;
    TunnelSettings settings = patient;
  };
  const TunnelSettings short_idle{.idle_timeout = 5ms, .stall_timeout = 60s};
  const TunnelSettings short_stall{.idle_timeout = 60s, .stall_timeout = 5ms};
  const Row rows[] = {
      {"client resets", [](NetFixture&, Passage& on) { on.client.peer.reset(); }, "reset", Side::downstream},
      {"server resets", [](NetFixture&, Passage& on) { on.server.peer.reset(); }, "reset", Side::upstream},
      {"cancel", [](NetFixture& fixture, Passage&) { fixture.loop().cancel_roots(); }, "cancelled", Side::local},
      {"nothing moves", [](NetFixture&, Passage&) {}, "timed_out", Side::local, short_idle},
      {"nothing moves behind an end", [](NetFixture&, Passage& on) { on.client.peer.finish(); }, "timed_out",
       Side::local, short_idle},
      {"the client takes nothing",
       [](NetFixture& fixture, Passage& on) {
         const std::string much = numbered_bytes(500'000);
         std::size_t said = 0;
         // Until it sticks.
         fixture.run_until([&] {
           said += on.server.peer.say(std::string_view(much).substr(said));
           return on.has_ended() || said == much.size();
         });
       },
       "timed_out", Side::downstream, short_stall},
      {"the server takes nothing",
       [](NetFixture& fixture, Passage& on) {
         const std::string much = numbered_bytes(500'000);
         std::size_t said = 0;
         fixture.run_until([&] {
           said += on.client.peer.say(std::string_view(much).substr(said));
           return on.has_ended() || said == much.size();
         });
       },
       "timed_out", Side::upstream, short_stall},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture;
    Passage passage(fixture, 2, 8192);
    fixture.spawn(run_tunnel(passage, row.settings));
    fixture.settle();
    row.action(fixture, passage);
    fixture.run_until([&] { return passage.has_ended(); });
    CHECK(passage.how == row.outcome);
    CHECK(to_string(passage.side) == to_string(row.side));
  }
}

TEST_CASE("a reset that came before the tunnel began cuts it at once") {
  for (const bool is_client : {true, false}) {
    CAPTURE(is_client);
    NetFixture fixture;
    Passage passage(fixture);
    Connected& gone = is_client ? passage.client : passage.server;
    gone.stream.start_receiving();
    gone.stream.watch_for(net::Stream::WatchFor::reset);
    gone.peer.finish();
    fixture.run_until([&] { return gone.stream.will_receive_no_more(); });
    gone.peer.reset();
    fixture.run_until([&] { return gone.stream.has_seen_reset(); });
    fixture.spawn(run_tunnel(passage, {.idle_timeout = 2s, .stall_timeout = 2s}));
    fixture.run_until([&] { return passage.has_ended(); });
    CHECK(passage.how == "reset");
    CHECK(to_string(passage.side) == to_string(is_client ? Side::downstream : Side::upstream));
  }
}

TEST_CASE("what moves in one direction keeps the other one from being idle") {
  NetFixture fixture;
  Passage passage(fixture);
  fixture.spawn(run_tunnel(passage, {.idle_timeout = 50ms, .stall_timeout = 60s}));
  const Instant begin = fixture.loop().now();
  std::size_t heard = 0;
  Instant next = begin;
  fixture.run_until([&] {
    if (fixture.loop().now() >= next) {
      passage.client.peer.say("x");
      next = fixture.loop().now() + 5ms;
    }
    heard += passage.server.peer.hear().size();
    return passage.has_ended() || fixture.loop().now() - begin > 200ms;
  });
  // A machine that stood still for longer than the bound may have cut it: then that is what it says.
  CHECK((passage.how.empty() || passage.how == "timed_out"));
  CHECK(heard > 0);
  fixture.run_until([&] { return passage.has_ended(); });
  CHECK(passage.how == "timed_out");
  CHECK(fixture.loop().now() - begin >= 50ms);
}

}  // namespace
}  // namespace sluice::message
