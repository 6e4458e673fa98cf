#include "net/splice.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "net/stream_fixture.hpp"
#include "runtime/operation.hpp"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using test::Connected;
using test::NetFixture;
using test::numbered_bytes;
using End = SpliceOutcome::End;

constexpr Duration patience = 60s;
constexpr PipePoolSettings two_pipes{.pipe_bytes = 65536, .count_max = 2};

TEST_CASE("there are as many pipes as were promised, and no more") {
  PipePool pool({.pipe_bytes = 65536, .count_max = 2});
  {
    Pipe a = pool.take();
    Pipe b = pool.take();
    REQUIRE(a);
    REQUIRE(b);
    CHECK(a.capacity() >= 65536);
    CHECK(a.filled() == 0);
    CHECK(pool.outstanding() == 2);
    CHECK_FALSE(pool.take());
    CHECK_FALSE(pool.take());
    CHECK(pool.shortages() == 2);
    Pipe moved = std::move(a);
    CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): what is promised of it
    CHECK(pool.outstanding() == 2);
  }
  CHECK(pool.outstanding() == 0);
  CHECK(pool.open() == 2);  // kept
  Pipe again = pool.take();
  CHECK(pool.open() == 2);
  PipePool none({.pipe_bytes = 65536, .count_max = 0});
  CHECK_FALSE(none.take());
}

TEST_CASE("a pipe with something in it is not kept") {
  NetFixture fixture;
  Connected source(fixture);
  Connected sink(fixture);
  PipePool pool(two_pipes);
  source.peer.say("0123456789");
  {
    Pipe pipe = pool.take();
    fixture.run_until([&] { return pipe.fill_from(source.stream.fd(), 8) == 8; });
    CHECK(pipe.filled() == 8);
    CHECK(pipe.fill_from(source.stream.fd(), 100) == 2);
    CHECK(pipe.fill_from(source.stream.fd(), 100) == -EAGAIN);
    CHECK(pipe.filled() == 10);
  }
  CHECK(pool.open() == 0);
  Pipe empty = pool.take();
  CHECK(empty.filled() == 0);
  CHECK(empty.drain_to(sink.stream.fd()) <= 0);
  CHECK(sink.peer.hear().empty());
}

// What: a transfer between two connections, and how it ended.
struct Transfer {
  // source_bytes and sink_bytes: of what the kernel holds of each, as in tcp_pair().
  explicit Transfer(NetFixture& fixture, int source_bytes = 0, int sink_bytes = 0)
      : source(fixture, 16, source_bytes), sink(fixture, 16, sink_bytes) {}
  Connected source;
  Connected sink;
  PipePool pool{two_pipes};
  std::optional<SpliceOutcome> outcome;
};

Task<void> run_splice(Transfer& transfer, std::uint64_t bytes, Duration idle_timeout) {
  Pipe pipe = transfer.pool.take();
  transfer.outcome = co_await splice(transfer.source.stream, transfer.sink.stream, bytes, pipe, idle_timeout);
}

TEST_CASE("exactly the bytes that were asked for are moved, whatever their number") {
  const std::size_t sizes[] = {0, 1, 2, 4095, 4097, 65535, 65536, 65537, 300'001, 1'234'567};
  for (std::size_t size : sizes) {
    CAPTURE(size);
    NetFixture fixture;
    Transfer transfer(fixture);
    const std::string sent = numbered_bytes(size + 5);  // five belong to somebody else
    std::string heard;
    std::size_t said = 0;
    fixture.spawn(run_splice(transfer, size, patience));
    fixture.run_until([&] {
      said += transfer.source.peer.say(std::string_view(sent).substr(said));
      heard += transfer.sink.peer.hear(50'000);
      return transfer.outcome.has_value() && heard.size() >= size && said == sent.size();
    });
    CHECK(heard == sent.substr(0, size));
    CHECK(transfer.outcome->moved == size);
    CHECK(transfer.outcome->end == End::complete);
    std::string rest(10, '\0');
    CHECK(::recv(transfer.source.stream.fd(), rest.data(), rest.size(), MSG_DONTWAIT) == 5);
    CHECK(rest.substr(0, 5) == sent.substr(size));
    CHECK(transfer.pool.open() == 1);
  }
}

TEST_CASE("a turn has its bound, at which no body of a piece is cut") {
  constexpr std::size_t body = 32768;  // within what a fresh connection holds
  NetFixture fixture;
  Transfer first(fixture);
  Transfer second(fixture);
  PipePool pool({.pipe_bytes = 1 << 20, .count_max = 1, .turn_bytes = 1000});
  const std::string sent = numbered_bytes(body);
  REQUIRE(first.source.peer.say(sent) == body);
  REQUIRE(second.source.peer.say(sent) == body);
  struct Turns {
    std::uint64_t begin, between, end;
  } turns{};
  auto run = [](Transfer& one, Transfer& other, PipePool& pipes, Turns& out) -> Task<void> {
    Pipe pipe = pipes.take();
    runtime::Loop& loop = one.source.stream.loop();
    while (loop.turn_number() == 0) co_await runtime::Yield();  // a pool has nothing to give in the first turn
    out.begin = loop.turn_number();
    one.outcome = co_await splice(one.source.stream, one.sink.stream, body, pipe, patience);
    out.between = loop.turn_number();
    other.outcome = co_await splice(other.source.stream, other.sink.stream, body, pipe, patience);
    out.end = loop.turn_number();
  };
  fixture.spawn(run(first, second, pool, turns));
  std::string heard;
  fixture.run_until([&] {
    heard += second.sink.peer.hear();
    return second.outcome.has_value() && heard.size() == body;
  });
  CHECK(heard == sent);
  CHECK(turns.between == turns.begin);
  CHECK(turns.end > turns.between);
}

TEST_CASE("a transfer that does not wait for its source ends with an empty pipe") {
  NetFixture fixture;
  Transfer transfer(fixture);
  auto run = [](Transfer& on) -> Task<void> {
    Pipe pipe = on.pool.take();
    on.outcome = co_await splice(on.source.stream, on.sink.stream, UINT64_MAX, pipe, patience, WhenDry::ends);
    CHECK(pipe.filled() == 0);
  };
  SUBCASE("dry") {
    transfer.source.peer.say("0123456789");
    std::string heard;
    while (heard.size() < 10) {
      transfer.outcome.reset();
      fixture.spawn(run(transfer));
      fixture.run_until([&] { return transfer.outcome.has_value(); });
      CHECK(transfer.outcome->end == End::dry);
      heard += transfer.sink.peer.hear();
    }
    CHECK(heard == "0123456789");
  }
  SUBCASE("ended") {
    transfer.source.peer.finish();
    do {
      transfer.outcome.reset();
      fixture.spawn(run(transfer));
      fixture.run_until([&] { return transfer.outcome.has_value(); });
    } while (transfer.outcome->end == End::dry);
    CHECK(transfer.outcome->end == End::source_ended);
  }
}

TEST_CASE("both directions of a pair of connections at once") {
  NetFixture fixture;
  Connected a(fixture);
  Connected b(fixture);
  PipePool pool(two_pipes);
  const std::string forth = numbered_bytes(200'003);
  const std::string back = numbered_bytes(310'007);
  int ended = 0;
  auto move = [](Stream& from, Stream& to, std::uint64_t bytes, PipePool& pipes, int& out) -> Task<void> {
    Pipe pipe = pipes.take();
    SpliceOutcome outcome = co_await splice(from, to, bytes, pipe, patience);
    CHECK(outcome.moved == bytes);
    ++out;
  };
  fixture.spawn(move(a.stream, b.stream, forth.size(), pool, ended));
  fixture.spawn(move(b.stream, a.stream, back.size(), pool, ended));
  std::string at_b, at_a;
  std::size_t said_a = 0, said_b = 0;
  fixture.run_until([&] {
    said_a += a.peer.say(std::string_view(forth).substr(said_a));
    said_b += b.peer.say(std::string_view(back).substr(said_b));
    at_b += b.peer.hear(30'000);
    at_a += a.peer.hear(30'000);
    return ended == 2 && at_b.size() == forth.size() && at_a.size() == back.size();
  });
  CHECK(at_b == forth);
  CHECK(at_a == back);
}

TEST_CASE("how a transfer ends that does not move everything") {
  struct Row {
    std::string_view what;
    void (*action)(NetFixture&, Transfer&);
    End end;
    std::string_view code;
  };
  const Row rows[] = {
      {"the source ends", [](NetFixture&, Transfer& t) { t.source.peer.finish(); }, End::source_ended, ""},
      {"the source is reset", [](NetFixture&, Transfer& t) { t.source.peer.reset(); }, End::source_failed, "reset"},
      {"the source says nothing", [](NetFixture&, Transfer&) {}, End::source_failed, "timed_out"},
      {"a cancel", [](NetFixture& f, Transfer&) { f.loop().cancel_roots(); }, End::source_failed, "cancelled"},
      {"the sink is reset",
       [](NetFixture& f, Transfer& t) {
         t.sink.peer.reset();
         f.settle();
         t.source.peer.say("for nobody");
       },
       End::sink_failed, "reset"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture;
    Transfer transfer(fixture);
    transfer.source.peer.say("a few bytes");
    const bool is_timeout = row.code == "timed_out";
    fixture.spawn(run_splice(transfer, 1000, is_timeout ? Duration(10ms) : patience));
    std::string heard;
    fixture.run_until([&] {
      heard += transfer.sink.peer.hear();
      return heard == "a few bytes";
    });
    row.action(fixture, transfer);
    fixture.run_until([&] { return transfer.outcome.has_value(); });
    CHECK(transfer.outcome->end == row.end);
    CHECK(transfer.outcome->moved == 11);
    if (!row.code.empty()) CHECK(to_string(transfer.outcome->error.code) == row.code);
    const bool is_source_over = row.what.starts_with("the source") && !is_timeout;
    CHECK(transfer.source.stream.has_ended() == is_source_over);
  }
}

TEST_CASE("a sink that takes nothing times out, and its pipe is not used again") {
  NetFixture fixture;
  Transfer transfer(fixture, 200'000, 4096);
  // The sockets of the source hold more than the pipe and those of the sink: it is never the source that is waited for.
  const std::string noise = numbered_bytes(300'000);
  std::size_t said = 0;
  fixture.run_until([&] {
    said += transfer.source.peer.say(std::string_view(noise).substr(said));
    return said == noise.size();
  });
  fixture.spawn(run_splice(transfer, std::uint64_t{1} << 40, 100ms));
  fixture.run_until([&] { return transfer.outcome.has_value(); });
  CHECK(transfer.outcome->end == End::sink_failed);
  CHECK(transfer.outcome->error.code == ErrorCode::timed_out);
  CHECK(transfer.outcome->moved > 0);
  CHECK(transfer.pool.open() == 0);
}

TEST_CASE("a source that has ended already") {
  struct Row {
    std::string_view what;
    void (*action)(test::Peer&);
    End end;
    std::string_view code;
  };
  const Row rows[] = {
      {"eof", [](test::Peer& peer) { peer.finish(); }, End::source_ended, ""},
      {"reset", [](test::Peer& peer) { peer.reset(); }, End::source_failed, "reset"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture;
    Transfer transfer(fixture);
    transfer.source.stream.start_receiving();
    row.action(transfer.source.peer);
    fixture.run_until([&] { return transfer.source.stream.has_ended(); });
    fixture.run(run_splice(transfer, 10, patience));
    CHECK(transfer.outcome->end == row.end);
    CHECK(transfer.outcome->moved == 0);
    if (!row.code.empty()) CHECK(to_string(transfer.outcome->error.code) == row.code);
  }
}

}  // namespace
}  // namespace sluice::net
