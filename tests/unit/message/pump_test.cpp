#include "message/pump.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/outcome.hpp"
#include "message/h1_body.hpp"
#include "net/stream_fixture.hpp"

namespace sluice::message {
namespace {

using namespace std::chrono_literals;
using http::BodyFraming;
using runtime::Task;
using test::Connected;
using test::NetFixture;
using test::numbered_bytes;
using test::outcome;

constexpr Duration patience = 60s;
constexpr std::uint64_t copies_only = 0;

// What: a body on its way from one connection to another.
class Transfer {
 public:
  Transfer(NetFixture& fixture, const BodyFraming& in, const BodyFraming& out, Duration idle_timeout = patience,
           int socket_bytes = 0)
      : from(fixture, 16, socket_bytes),
        to(fixture, 16, socket_bytes),
        input(from.stream, fixture.blocks()),
        output(to.stream, fixture.blocks()),
        source(input, Side::downstream, in, 1024, idle_timeout),
        sink(output, Side::upstream, out, idle_timeout) {}
  ~Transfer() {
    input.consume(input.bytes().size());
    input.release();
    output.clear();
  }

  Connected from;
  Connected to;
  Input input;
  Output output;
  H1BodySource source;
  H1BodySink sink;
  net::PipePool pipes{{.pipe_bytes = 65536, .count_max = 1}};
  std::string how;  // empty: still going on
  Side side = Side::local;
};

Task<void> run_pump(Transfer& transfer, PumpSettings settings) {
  Result<void> pumped = co_await pump(transfer.source, transfer.sink, transfer.pipes, settings);
  if (!pumped) transfer.side = pumped.error().side;
  transfer.how = outcome(pumped);
}

std::string encode(const BodyFraming& framing, std::string_view payload, std::string_view trailers) {
  if (framing.kind != BodyFraming::Kind::chunked) return std::string(payload);
  std::string wire;
  for (std::size_t size = 1; !payload.empty(); size = size * 3 + 1) {
    std::string_view chunk = payload.substr(0, size);
    wire += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
    payload.remove_prefix(chunk.size());
  }
  return wire + "0\r\n" + std::string(trailers) + "\r\n";
}

// What: takes the framing off again on the far side.
struct Far {
  Far(const BodyFraming& body_framing, std::uint64_t payload_bytes)
      : framing(body_framing), expected(payload_bytes), decoder(body_framing, trailer_buffer) {}
  void hear(std::string_view bytes) {
    heard += bytes.size();
    while (!bytes.empty()) {
      REQUIRE_FALSE(decoder.is_done());
      http::BodyStep step = decoder.step(bytes);
      REQUIRE(step.state != http::BodyState::rejected);
      payload += step.data;
      bytes.remove_prefix(step.consumed);
    }
  }
  [[nodiscard]] bool is_complete() const {
    return framing.kind == BodyFraming::Kind::until_close ? payload.size() == expected : decoder.is_done();
  }
  BodyFraming framing;
  std::uint64_t expected;
  char trailer_buffer[1024];
  http::BodyDecoder decoder;
  std::string payload;
  std::uint64_t heard = 0;  // framing included
};

TEST_CASE("the body arrives whole, copied or spliced, from any framing into any other") {
  struct Row {
    BodyFraming::Kind in;
    BodyFraming::Kind out;
  };
  using enum BodyFraming::Kind;
  const Row rows[] = {{length, length},       {length, chunked},          {chunked, chunked},   {chunked, until_close},
                      {until_close, chunked}, {until_close, until_close}, {length, until_close}};
  const std::size_t sizes[] = {0, 1, 1000, 70'001, 250'003};
  const std::uint64_t thresholds[] = {copies_only, 1, 100'000};
  for (const Row& row : rows) {
    for (std::size_t size : sizes) {
      for (std::uint64_t threshold : thresholds) {
        CAPTURE(to_string(row.in));
        CAPTURE(to_string(row.out));
        CAPTURE(size);
        CAPTURE(threshold);
        const std::string payload = numbered_bytes(size);
        BodyFraming in{row.in, row.in == length ? size : 0};
        BodyFraming out{row.out, row.out == length ? size : 0};
        const bool has_trailers = row.in == chunked;
        const std::string wire = encode(in, payload, has_trailers ? "X-Sum: 7\r\n" : "");
        NetFixture fixture;
        Transfer transfer(fixture, in, out);
        Far far(out, size);
        std::size_t said = 0;
        fixture.spawn(run_pump(transfer, {threshold, patience}));
        fixture.run_until([&] {
          if (said < wire.size()) {
            said += transfer.from.peer.say(std::string_view(wire).substr(said));
            if (said == wire.size() && row.in == until_close) transfer.from.peer.finish();
          } else if (wire.empty() && row.in == until_close) {
            transfer.from.peer.finish();
          }
          far.hear(transfer.to.peer.hear(30'000));
          return !transfer.how.empty() && far.is_complete();
        });
        CHECK(transfer.how == "ok");
        CHECK(far.payload == payload);
        CHECK(far.decoder.trailer_section() == (has_trailers && row.out == chunked ? "X-Sum: 7\r\n" : ""));
        CHECK(transfer.source.payload_bytes() == size);
        CHECK(transfer.output.stream().bytes_sent() == far.heard);
        CHECK(transfer.sink.has_ended());
        CHECK(transfer.pipes.outstanding() == 0);
        // Large runs without framing in between went past our memory, small ones did not.
        const bool can_splice = row.in == length || (row.in == until_close && row.out == until_close);
        if (threshold == copies_only || (row.in == length && size < threshold)) CHECK(transfer.pipes.open() == 0);
        if (threshold == 1 && can_splice && size == 250'003) CHECK(transfer.pipes.open() == 1);
      }
    }
  }
}

TEST_CASE("without a pipe the body is copied") {
  const std::string payload = numbered_bytes(200'000);
  NetFixture fixture;
  Transfer transfer(fixture, BodyFraming::of_length(payload.size()), BodyFraming::chunked());
  net::Pipe taken = transfer.pipes.take();
  Far far(BodyFraming::chunked(), payload.size());
  std::size_t said = 0;
  fixture.spawn(run_pump(transfer, {1, patience}));
  fixture.run_until([&] {
    said += transfer.from.peer.say(std::string_view(payload).substr(said));
    far.hear(transfer.to.peer.hear(30'000));
    return !transfer.how.empty() && far.is_complete();
  });
  CHECK(transfer.how == "ok");
  CHECK(far.payload == payload);
  CHECK(transfer.pipes.shortages() == 1);
}

TEST_CASE("what has come goes on before more is waited for") {
  for (std::uint64_t threshold : {copies_only, std::uint64_t{1}}) {
    CAPTURE(threshold);
    NetFixture fixture;
    Transfer transfer(fixture, BodyFraming::of_length(9), BodyFraming::of_length(9));
    CHECK(transfer.output.append([](http::Writer& writer) { writer.append("head "); }).has_value());
    fixture.spawn(run_pump(transfer, {threshold, patience}));
    std::string heard;
    std::string expected = "head ";
    for (const char* piece : {"", "one", "two", "end"}) {
      transfer.from.peer.say(piece);
      expected += piece;
      fixture.run_until([&] {
        heard += transfer.to.peer.hear();
        return heard.size() == expected.size();
      });
      CHECK(heard == expected);
    }
    fixture.run_until([&] { return transfer.how == "ok"; });
  }
}

TEST_CASE("a slow reader holds the source back") {
  NetFixture fixture(4096, 256);
  const std::string payload = numbered_bytes(4'000'000);
  Transfer transfer(fixture, BodyFraming::of_length(payload.size()), BodyFraming::of_length(payload.size()), patience,
                    16'384);
  fixture.spawn(run_pump(transfer, {copies_only, patience}));
  // Nobody reads on the far side: a few socket buffers fill, and then no more is taken from the sender.
  std::size_t said = 0;
  int idle_turns = 0;
  fixture.run_until([&] {
    std::size_t taken = transfer.from.peer.say(std::string_view(payload).substr(said));
    said += taken;
    idle_turns = taken == 0 ? idle_turns + 1 : 0;
    return idle_turns == 5 || said == payload.size();
  });
  CHECK(said < payload.size() / 2);
  CHECK(fixture.buffers().outstanding() <= 150);  // its share, and what one multishot round overshoots
  std::string heard;
  fixture.run_until([&] {
    said += transfer.from.peer.say(std::string_view(payload).substr(said));
    heard += transfer.to.peer.hear();
    return heard.size() == payload.size();
  });
  CHECK(heard == payload);
  fixture.run_until([&] { return transfer.how == "ok"; });
}

TEST_CASE("the first error ends it, and says whose it is") {
  struct Row {
    std::string_view what;
    BodyFraming framing;
    std::string_view wire;
    void (*action)(NetFixture&, Transfer&);
    std::string_view how;
    Side side;
  };
  auto nothing = [](NetFixture&, Transfer&) {};
  auto finish = [](NetFixture&, Transfer& t) { t.from.peer.finish(); };
  const Row rows[] = {
      {"the source ends early", BodyFraming::of_length(1000), "a part", finish, "closed", Side::downstream},
      {"the source ends in a chunk", BodyFraming::chunked(), "3e8\r\na part", finish, "closed", Side::downstream},
      {"the source is reset", BodyFraming::of_length(1000), "a part",
       [](NetFixture&, Transfer& t) { t.from.peer.reset(); }, "reset", Side::downstream},
      {"the source pauses", BodyFraming::of_length(1000), "a part", nothing, "timed_out", Side::downstream},
      {"the source breaks its framing", BodyFraming::chunked(), "6\r\na partx\r\n", nothing, "malformed",
       Side::downstream},
      {"a cancel", BodyFraming::of_length(1000), "a part",
       [](NetFixture& fixture, Transfer&) { fixture.loop().cancel_roots(); }, "cancelled", Side::downstream},
      {"the sink is reset", BodyFraming::of_length(1000), "a part",
       [](NetFixture& fixture, Transfer& t) {
         t.to.peer.reset();
         fixture.settle();
         t.from.peer.say("for nobody");
       },
       "reset", Side::upstream},
  };
  for (const Row& row : rows) {
    for (std::uint64_t threshold : {copies_only, std::uint64_t{1}}) {
      CAPTURE(row.what);
      CAPTURE(threshold);
      NetFixture fixture;
      Duration idle = row.how == "timed_out" ? Duration(10ms) : patience;
      BodyFraming out = row.framing.kind == BodyFraming::Kind::chunked ? BodyFraming::chunked() : row.framing;
      Transfer transfer(fixture, row.framing, out, idle);
      transfer.from.peer.say(row.wire);
      fixture.spawn(run_pump(transfer, {threshold, idle}));
      std::string heard;
      fixture.run_until([&] {
        heard += transfer.to.peer.hear();
        return heard.contains("a part") || !transfer.how.empty();
      });
      row.action(fixture, transfer);
      fixture.run_until([&] { return !transfer.how.empty(); });
      CHECK(transfer.how == row.how);
      CHECK(transfer.side == row.side);
      CHECK_FALSE(transfer.sink.has_ended());
      CHECK(transfer.pipes.outstanding() == 0);
    }
  }
}

TEST_CASE("a body that ends early ends early on the far side, and nothing is put behind it") {
  struct Row {
    BodyFraming in;
    BodyFraming out;
    std::string_view first;  // what comes before the splice begins
    std::string_view heard_first;
    std::string_view second;
  };
  const Row rows[] = {
      {BodyFraming::of_length(1000), BodyFraming::of_length(1000), "", "", "a part"},
      {BodyFraming::of_length(1000), BodyFraming::chunked(), "", "3e8\r\n", "a part"},
      {BodyFraming::chunked(), BodyFraming::chunked(), "3e8\r\na ", "2\r\na \r\n3e6\r\n", "part"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.heard_first);
    NetFixture fixture;
    Transfer transfer(fixture, row.in, row.out);
    std::string heard;
    auto listen = [&] { heard += transfer.to.peer.hear(); };
    fixture.spawn(run_pump(transfer, {1, patience}));
    transfer.from.peer.say(row.first);
    fixture.run_until([&] {
      listen();
      return heard == row.heard_first && transfer.pipes.outstanding() == 1;
    });
    transfer.from.peer.say(row.second);
    transfer.from.peer.finish();
    fixture.run_until([&] { return !transfer.how.empty(); });
    CHECK(transfer.how == "closed");
    CHECK(transfer.side == Side::downstream);
    transfer.output.clear();
    transfer.to.close();
    fixture.run_until([&] {
      listen();
      return transfer.to.peer.has_ended();
    });
    CHECK(heard == std::string(row.heard_first) + std::string(row.second));
  }
}

}  // namespace
}  // namespace sluice::message
