#include "message/h1_body.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/death.hpp"
#include "base/outcome.hpp"
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
constexpr std::size_t trailer_bytes_max = 1024;

// What reading a body to its end gave.
struct Body {
  std::string payload;
  std::string trailers;  // "name=value;" each
  std::string how;       // empty: still reading
  Side side = Side::local;
};

Task<void> read_body(H1BodySource& source, Body& out) {
  for (;;) {
    Result<BodyPiece> piece = co_await source.read();
    if (!piece) {
      out.side = piece.error().side;
      out.how = outcome(piece);
      co_return;
    }
    out.payload += piece->data;
    if (piece->is_last) break;
  }
  for (const http::Field& field : source.trailers()) {
    out.trailers += std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  out.how = "ok";
}

// Everything up to the end of the connection.
Task<void> read_rest(Input& input, std::string& out, Instant deadline) {
  for (;;) {
    out += input.bytes();
    input.consume(input.bytes().size());
    Result<bool> filled = co_await input.fill(deadline);
    if (!filled || !*filled) co_return;
  }
}

struct BodyRow {
  std::string_view what;
  BodyFraming framing;
  std::string_view wire;
  std::string_view payload;
  std::string_view how;
  std::string_view trailers = {};
  std::string_view behind = {};  // what is left for the next message
};

const BodyRow body_rows[] = {
    {"none", BodyFraming::none(), "", "", "ok"},
    {"none, and another message", BodyFraming::none(), "next", "", "ok", "", "next"},
    {"length 0", BodyFraming::of_length(0), "next", "", "ok", "", "next"},
    {"length", BodyFraming::of_length(11), "hello world", "hello world", "ok"},
    {"length, and another message", BodyFraming::of_length(5), "hello world", "hello", "ok", "", " world"},
    {"chunked", BodyFraming::chunked(), "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", "ok"},
    {"chunked, empty", BodyFraming::chunked(), "0\r\n\r\nnext", "", "ok", "", "next"},
    {"chunked, with an extension", BodyFraming::chunked(), "5;a=b\r\nhello\r\n0\r\n\r\n", "hello", "ok"},
    {"chunked, with trailers", BodyFraming::chunked(), "1\r\nx\r\n0\r\nX-Sum: 7\r\nX-Two:  8 \r\n\r\nnext", "x", "ok",
     "X-Sum=7;X-Two=8;", "next"},
    {"until close", BodyFraming::until_close(), "hello world", "hello world", "ok"},
    {"until close, empty", BodyFraming::until_close(), "", "", "ok"},
    {"length, cut off", BodyFraming::of_length(12), "hello world", "hello world", "closed"},
    {"length, nothing came", BodyFraming::of_length(1), "", "", "closed"},
    {"chunked, nothing came", BodyFraming::chunked(), "", "", "closed"},
    {"chunked, cut off in a size", BodyFraming::chunked(), "5\r\nhello\r\n1", "hello", "closed"},
    {"chunked, cut off in a chunk", BodyFraming::chunked(), "5\r\nhel", "hel", "closed"},
    {"chunked, cut off behind a chunk", BodyFraming::chunked(), "5\r\nhello\r\n", "hello", "closed"},
    {"chunked, cut off before the last line", BodyFraming::chunked(), "5\r\nhello\r\n0\r\n", "hello", "closed"},
    {"chunked, cut off in a trailer", BodyFraming::chunked(), "0\r\nX-Sum: 7\r\n", "", "closed"},
    {"chunked, no size", BodyFraming::chunked(), "x\r\n", "", "malformed"},
    {"chunked, bare LF", BodyFraming::chunked(), "5\nhello\r\n0\r\n\r\n", "", "malformed"},
    {"chunked, too long", BodyFraming::chunked(), "4\r\nhello\r\n0\r\n\r\n", "hell", "malformed"},
    {"chunked, size beyond 64 bits", BodyFraming::chunked(), "11111111111111111\r\n", "", "malformed"},
    {"chunked, bad trailer", BodyFraming::chunked(), "1\r\nx\r\n0\r\nX Sum: 7\r\n\r\n", "x", "malformed"},
};

TEST_CASE("a body comes out of its framing, however it arrives") {
  const std::size_t buffer_sizes[] = {1, 3, 16, 4096};
  for (const BodyRow& row : body_rows) {
    for (std::size_t buffer_bytes : buffer_sizes) {
      CAPTURE(row.what);
      CAPTURE(buffer_bytes);
      NetFixture fixture(buffer_bytes);
      Connected one(fixture);
      Input input(one.stream, fixture.blocks());
      CHECK(one.peer.say(row.wire) == row.wire.size());
      one.peer.finish();
      Body body;
      {
        H1BodySource source(input, Side::downstream, row.framing, trailer_bytes_max, patience);
        fixture.spawn(read_body(source, body));
        fixture.run_until([&] { return !body.how.empty(); });
        CHECK(source.is_done() == (row.how == "ok"));
        CHECK((source.reject() != http::Reject::none) == (row.how == "malformed"));
        CHECK(source.payload_bytes() == body.payload.size());
      }
      CHECK(body.how == row.how);
      if (row.how != "malformed") CHECK(body.payload == row.payload);
      CHECK(body.trailers == row.trailers);
      if (row.how != "ok") CHECK(body.side == Side::downstream);
      // What is behind the message is untouched.
      if (row.how == "ok") {
        std::string behind;
        fixture.run(read_rest(input, behind, fixture.far()));
        CHECK(behind == row.behind);
      }
      input.consume(input.bytes().size());
      input.release();
    }
  }
}

// How a connection breaks, and what is said of it.
struct Breakage {
  std::string_view what;
  void (*action)(NetFixture&, Connected&);
  std::string_view how;
};

const Breakage breakages[] = {
    {"reset", [](NetFixture&, Connected& one) { one.peer.reset(); }, "reset"},
    {"idle", [](NetFixture&, Connected&) {}, "timed_out"},
    {"cancel", [](NetFixture& fixture, Connected&) { fixture.loop().cancel_roots(); }, "cancelled"},
};

TEST_CASE("reading a body that fails in the connection blames its side") {
  for (const Breakage& row : breakages) {
    for (const BodyFraming& framing :
         {BodyFraming::of_length(100), BodyFraming::chunked(), BodyFraming::until_close()}) {
      CAPTURE(row.what);
      NetFixture fixture;
      Connected one(fixture);
      Input input(one.stream, fixture.blocks());
      H1BodySource source(input, Side::upstream, framing, trailer_bytes_max, row.what == "idle" ? 5ms : patience);
      Body body;
      fixture.spawn(read_body(source, body));
      row.action(fixture, one);
      fixture.run_until([&] { return !body.how.empty(); });
      CHECK(body.how == row.how);
      CHECK(body.side == Side::upstream);
      input.release();
    }
  }
}

TEST_CASE("no payload is read beyond the bound") {
  struct Row {
    BodyFraming framing;
    std::string_view wire;
    std::uint64_t bytes_max;
    std::string_view how;
  };
  const Row rows[] = {
      {BodyFraming::of_length(5), "hello", 5, "ok"},
      {BodyFraming::chunked(), "5\r\nhello\r\n0\r\n\r\n", 5, "ok"},
      {BodyFraming::chunked(), "0\r\n\r\n", 0, "ok"},
      {BodyFraming::of_length(5), "hello", 4, "too_large"},
      {BodyFraming::of_length(5), "hello", 0, "too_large"},
      {BodyFraming::chunked(), "5\r\nhello\r\n0\r\n\r\n", 4, "too_large"},
      {BodyFraming::chunked(), "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n0\r\n\r\n", 2, "too_large"},
      {BodyFraming::chunked(), "1\r\nh\r\n0\r\n\r\n", 0, "too_large"},
      {BodyFraming::chunked(), "ffffffff\r\nhello", 4, "too_large"},
  };
  for (const Row& row : rows) {
    for (const std::size_t piece : {row.wire.size(), std::size_t{1}}) {
      CAPTURE(row.wire);
      CAPTURE(piece);
      NetFixture fixture;
      Connected one(fixture);
      Input input(one.stream, fixture.blocks());
      Body body;
      {
        H1BodySource source(input, Side::downstream, row.framing, trailer_bytes_max, patience);
        source.set_payload_bytes_max(row.bytes_max);
        fixture.spawn(read_body(source, body));
        std::size_t said = 0;
        fixture.run_until([&] {
          CHECK((source.payload_remaining() == UINT64_MAX || source.payload_remaining() <= row.bytes_max));
          if (said < row.wire.size()) said += one.peer.say(row.wire.substr(said, piece));
          return !body.how.empty();
        });
      }
      CHECK(body.how == row.how);
      CHECK(body.payload.size() <= row.bytes_max);
      if (row.how != "ok") CHECK(to_string(body.side) == to_string(Side::downstream));
      (void)input.discard();
    }
  }
}

TEST_CASE("a body that comes too slowly ends in time") {
  NetFixture fixture;
  Connected one(fixture);
  Input input(one.stream, fixture.blocks());
  Body body;
  net::Pace sends(1'000'000'000, 20ms);
  one.stream.set_paces(&sends, nullptr);
  {
    H1BodySource source(input, Side::downstream, BodyFraming::of_length(1'000'000), trailer_bytes_max, patience);
    fixture.spawn(read_body(source, body));
    Instant next = fixture.loop().now();
    fixture.run_until([&] {
      if (fixture.loop().now() >= next) {
        one.peer.say("slow");
        next = fixture.loop().now() + 2ms;
      }
      return !body.how.empty();
    });
  }
  CHECK(body.how == "timed_out");
  CHECK(to_string(body.side) == to_string(Side::downstream));
  CHECK(body.payload.starts_with("slow"));
  one.stream.set_paces(nullptr, nullptr);
  (void)input.discard();
}

TEST_CASE("try_read gives what has come, and never waits") {
  NetFixture fixture;
  Connected one(fixture);
  Input input(one.stream, fixture.blocks());
  H1BodySource source(input, Side::downstream, BodyFraming::of_length(10), trailer_bytes_max, patience);
  CHECK_FALSE(source.try_read().has_value());
  CHECK(source.payload_remaining() == 10);
  one.stream.start_receiving();
  one.peer.say("01234");
  fixture.run_until([&] { return one.stream.has_unread(); });
  std::optional<Result<BodyPiece>> piece = source.try_read();
  REQUIRE(piece.has_value());
  REQUIRE(piece->has_value());
  CHECK((*piece)->data == "01234");
  CHECK_FALSE((*piece)->is_last);
  CHECK_FALSE(source.try_read().has_value());
  source.advance(4);
  CHECK(source.payload_remaining() == 1);
  CHECK(source.payload_bytes() == 9);
  one.peer.say("9next");
  fixture.run_until([&] { return one.stream.has_unread(); });
  piece = source.try_read();
  REQUIRE(piece.has_value());
  REQUIRE(piece->has_value());
  CHECK((*piece)->data == "9");
  CHECK(input.bytes() == "next");
  input.consume(4);
  input.release();
}

// Writes pieces and the end, as pump would.
Task<void> write_body(H1BodySink& sink, std::vector<std::string> pieces, http::FieldList& trailers, Body& out) {
  for (const std::string& piece : pieces) {
    Result<void> written = co_await sink.write(piece);
    if (!written) {
      out.side = written.error().side;
      out.how = outcome(written);
      co_return;
    }
  }
  Result<void> ended = co_await sink.end(trailers);
  if (!ended) out.side = ended.error().side;
  out.how = outcome(ended);
}

TEST_CASE("a body goes into its framing") {
  const std::string big = numbered_bytes(20'000);
  const std::string middle = numbered_bytes(4000);
  struct Row {
    std::string_view what;
    BodyFraming framing;
    std::vector<std::string> pieces;
    bool has_trailers;
    std::string wire;
  };
  const Row rows[] = {
      {"none", BodyFraming::none(), {}, false, ""},
      {"none, an empty piece", BodyFraming::none(), {""}, false, ""},
      {"length 0", BodyFraming::of_length(0), {""}, false, ""},
      {"length", BodyFraming::of_length(5), {"he", "", "llo"}, true, "hello"},
      {"length, big", BodyFraming::of_length(20'001), {"x", big}, false, "x" + big},
      {"length, buffers full",
       BodyFraming::of_length(16'000),
       {middle, middle, middle, middle},
       false,
       middle + middle + middle + middle},
      {"chunked, empty", BodyFraming::chunked(), {}, false, "0\r\n\r\n"},
      {"chunked", BodyFraming::chunked(), {"hello", "", " world"}, false, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
      {"chunked, trailers", BodyFraming::chunked(), {"x"}, true, "1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n"},
      {"chunked, big", BodyFraming::chunked(), {big, "y"}, false, "4e20\r\n" + big + "\r\n1\r\ny\r\n0\r\n\r\n"},
      {"chunked, buffers full",
       BodyFraming::chunked(),
       {middle, middle, middle},
       false,
       "fa0\r\n" + middle + "\r\nfa0\r\n" + middle + "\r\nfa0\r\n" + middle + "\r\n0\r\n\r\n"},
      {"until close", BodyFraming::until_close(), {"hello", big}, true, "hello" + big},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture;
    Connected one(fixture);
    Output output(one.stream, fixture.blocks());
    CHECK(output.append([](http::Writer& writer) { writer.append("HEAD\r\n\r\n"); }).has_value());
    H1BodySink sink(output, Side::upstream, row.framing, patience);
    http::FieldList trailers;
    if (row.has_trailers) CHECK(trailers.add("X-Sum", "7"));
    Body body;
    fixture.spawn(write_body(sink, row.pieces, trailers, body));
    const std::string wire = "HEAD\r\n\r\n" + row.wire;
    std::string heard;
    fixture.run_until([&] {
      heard += one.peer.hear();
      return !body.how.empty() && heard.size() >= wire.size();
    });
    CHECK(body.how == "ok");
    CHECK(heard == wire);
    CHECK(sink.has_ended());
    CHECK(output.is_empty());
    CHECK(output.stream().bytes_sent() == wire.size());
    CHECK(fixture.blocks().outstanding() == 0);
  }
}

TEST_CASE("a small body leaves together with its head, when it ends or is flushed") {
  NetFixture fixture;
  Connected one(fixture);
  Output output(one.stream, fixture.blocks());
  CHECK(output.append([](http::Writer& writer) { writer.append("head "); }).has_value());
  H1BodySink sink(output, Side::downstream, BodyFraming::of_length(8), patience);
  CHECK(sink.try_write("body"));
  fixture.settle();
  CHECK(one.peer.hear().empty());
  CHECK(output.buffered() == "head body");
  CHECK_FALSE(sink.try_write(std::string(5000, 'x')));  // too large to be copied
  fixture.run([](H1BodySink& to) -> Task<void> { CHECK(outcome(co_await to.flush()) == "ok"); }(sink));
  CHECK(one.peer.hear() == "head body");
  CHECK(sink.try_write("tail"));
  output.clear();
}

TEST_CASE("writing a body that fails blames its side") {
  for (const Breakage& row : breakages) {
    for (const BodyFraming& framing : {BodyFraming::chunked(), BodyFraming::until_close()}) {
      CAPTURE(row.what);
      NetFixture fixture;
      Connected one(fixture, 16, 8192);
      Output output(one.stream, fixture.blocks());
      H1BodySink sink(output, Side::downstream, framing, row.what == "idle" ? 5ms : patience);
      http::FieldList trailers;
      Body body;
      fixture.spawn(write_body(sink, {std::string(500'000, 'x')}, trailers, body));
      if (row.what != "idle") fixture.settle();
      row.action(fixture, one);
      fixture.run_until([&] { return !body.how.empty(); });
      CHECK(body.how == row.how);
      CHECK(body.side == Side::downstream);
      output.clear();
    }
  }
  NetFixture fixture;
  Connected one(fixture);
  std::vector<memory::Block> taken;
  while (taken.size() < fixture.blocks().count_max()) taken.push_back(fixture.blocks().take());
  Output output(one.stream, fixture.blocks());
  H1BodySink sink(output, Side::downstream, BodyFraming::chunked(), patience);
  http::FieldList trailers;
  Body body;
  fixture.run(write_body(sink, {"x"}, trailers, body));
  CHECK(body.how == "exhausted");
  CHECK(body.side == Side::downstream);
}

TEST_CASE("a body that is not what was announced ends the program") {
  struct Row {
    const char* what;
    void (*action)(H1BodySink&, NetFixture&);
    const char* report;
  };
  const Row rows[] = {
      {"too much", [](H1BodySink& sink, NetFixture&) { (void)sink.try_write("123456"); },
       "written_ <= framing_.length"},
      {"too little",
       [](H1BodySink& sink, NetFixture& fixture) {
         http::FieldList trailers;
         fixture.run(
             [](H1BodySink& to, http::FieldList& none) -> Task<void> { (void)co_await to.end(none); }(sink, trailers));
       },
       "written_ == framing_.length"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    test::Death death = test::death_of([&row] {
      NetFixture fixture;
      Connected one(fixture);
      Output output(one.stream, fixture.blocks());
      H1BodySink sink(output, Side::downstream, BodyFraming::of_length(5), patience);
      row.action(sink, fixture);
    });
    CHECK(death.died);
    CHECK(death.report.contains(row.report));
  }
}

}  // namespace
}  // namespace sluice::message
