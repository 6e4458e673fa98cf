#include "message/input.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.hpp"
#include "message/h1_head.hpp"
#include "net/stream_fixture.hpp"

namespace sluice::message {
namespace {

using runtime::Task;
using test::Connected;
using test::NetFixture;
using test::numbered_bytes;
using test::outcome;

// Asks for more each time, keeping everything in front of it, until `wanted` bytes lie there in one piece.
Task<void> gather_until(Input& input, std::size_t wanted, Instant deadline, std::string& how, std::string& seen) {
  if (input.is_empty()) {
    Result<bool> filled = co_await input.fill(deadline);
    how = filled ? (*filled ? "ok" : "eof") : outcome(filled);
    if (how != "ok") co_return;
  }
  while (input.bytes().size() < wanted) {
    Result<bool> more = co_await input.gather(deadline);
    how = more ? (*more ? "ok" : "eof") : outcome(more);
    if (how != "ok") break;
  }
  seen = input.bytes();
}

TEST_CASE("what spans receive buffers is gathered in one piece") {
  const std::size_t buffer_sizes[] = {1, 7, 64, 1000};
  for (std::size_t buffer_bytes : buffer_sizes) {
    CAPTURE(buffer_bytes);
    NetFixture fixture(buffer_bytes);
    Connected one(fixture);
    Input input(one.stream, fixture.blocks());
    const std::string sent = numbered_bytes(333);
    CHECK(one.peer.say(sent) == sent.size());
    std::string how, seen;
    fixture.spawn(gather_until(input, sent.size(), fixture.far(), how, seen));
    fixture.run_until([&] { return !seen.empty(); });
    CHECK(how == "ok");
    CHECK(seen == sent);
    input.consume(sent.size());
    CHECK(input.is_empty());
    CHECK(fixture.blocks().outstanding() == (buffer_bytes < sent.size() ? 1U : 0U));
    input.release();
    CHECK(fixture.blocks().outstanding() == 0);
    CHECK(fixture.buffers().outstanding() == 0);
  }
}

TEST_CASE("what lies behind the gathered part comes next, in order") {
  NetFixture fixture(16);
  Connected one(fixture);
  Input input(one.stream, fixture.blocks());
  const std::string sent = numbered_bytes(200);
  CHECK(one.peer.say(sent) == sent.size());
  one.peer.finish();
  std::string how, seen;
  fixture.spawn(gather_until(input, 40, fixture.far(), how, seen));
  fixture.run_until([&] { return !seen.empty(); });
  std::string all;
  auto take = [&](std::size_t most) {
    std::string_view bytes = input.bytes().substr(0, most);
    all += bytes;
    input.consume(bytes.size());
  };
  take(10);
  // A second gathering begins behind what was consumed.
  seen.clear();
  fixture.spawn(gather_until(input, 60, fixture.far(), how, seen));
  fixture.run_until([&] { return !seen.empty(); });
  CHECK(all + seen == sent.substr(0, all.size() + seen.size()));
  bool ended = false;
  fixture.spawn([](Input& from, std::string& out, Instant deadline, bool& at_end) -> Task<void> {
    for (;;) {
      while (!from.is_empty()) {
        out += from.bytes().substr(0, 3);
        from.consume(std::min<std::size_t>(3, from.bytes().size()));
      }
      if (from.take_received()) continue;
      Result<bool> filled = co_await from.fill(deadline);
      if (!filled || !*filled) break;
    }
    at_end = true;
  }(input, all, fixture.far(), ended));
  fixture.run_until([&] { return ended; });
  CHECK(all == sent);
  input.release();
}

TEST_CASE("gathering ends with a full block, the peer's end, its deadline, or without a block") {
  struct Row {
    std::string_view what;
    std::size_t sent;
    std::string_view how;
  };
  const Row rows[] = {
      {"too large", 9000, "too_large"}, {"exactly a block", 8192, "eof"}, {"end", 100, "eof"},
      {"deadline", 100, "timed_out"},   {"no block", 100, "exhausted"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture(64, 256);
    Connected one(fixture);
    Input input(one.stream, fixture.blocks());
    std::vector<memory::Block> taken;
    if (row.what == "no block") {
      while (taken.size() < fixture.blocks().count_max()) taken.push_back(fixture.blocks().take());
    }
    const std::string sent = numbered_bytes(row.sent);
    CHECK(one.peer.say(sent) == sent.size());
    if (row.what != "deadline") one.peer.finish();
    std::string how, seen;
    fixture.spawn(gather_until(input, 1 << 20, row.what == "deadline" ? fixture.soon() : fixture.far(), how, seen));
    fixture.run_until([&] { return fixture.loop().roots() == 0; });
    CHECK(how == row.how);
    CHECK(seen == sent.substr(0, seen.size()));
    while (!input.is_empty()) input.consume(input.bytes().size());
    input.release();
  }
}

// One request head behind another.
Task<void> receive_heads(Input& input, std::size_t count, Instant deadline, std::vector<std::string>& out) {
  http::HeadLimits limits;
  for (std::size_t i = 0; i < count; ++i) {
    http::RequestHead head;
    Result<ReceivedHead> received = co_await receive_request_head(input, limits, deadline, head);
    if (!received) {
      out.push_back(std::string(outcome(received)));
      co_return;
    }
    if (received->status == http::HeadStatus::complete) {
      const http::Field* mark = head.fields.find("x-mark");
      out.push_back(mark == nullptr ? "no mark" : std::string(mark->value));
    } else {
      out.push_back(received->status == http::HeadStatus::partial ? "partial"
                                                                  : std::string(to_string(received->reject)));
      co_return;
    }
  }
}

std::string request(std::string_view mark) {
  return "GET /some/path?query=1 HTTP/1.1\r\nHost: example.com\r\nX-Mark: " + std::string(mark) + "\r\n\r\n";
}

TEST_CASE("a head split at every offset is the same head") {
  const std::string first = request("first");
  const std::string second = request("second");
  const std::string both = first + second;
  NetFixture fixture(1024);
  Connected one(fixture);
  Input input(one.stream, fixture.blocks());
  std::vector<std::string> seen;
  for (std::size_t split = 1; split < both.size(); ++split) {
    CAPTURE(split);
    seen.clear();
    fixture.spawn(receive_heads(input, 2, fixture.far(), seen));
    one.peer.say(both.substr(0, split));
    fixture.settle(2);
    CHECK(seen.size() == (split < first.size() ? 0U : 1U));
    one.peer.say(both.substr(split));
    fixture.run_until([&] { return seen.size() == 2; });
    REQUIRE(seen == std::vector<std::string>{"first", "second"});
    input.release();
    REQUIRE(fixture.blocks().outstanding() == 0);
  }
}

TEST_CASE("heads in receive buffers of every size") {
  std::string pipelined;
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    expected.push_back("head-" + std::to_string(i));
    pipelined += request(expected.back());
  }
  for (std::size_t buffer_bytes = 1; buffer_bytes < 100; buffer_bytes += buffer_bytes < 8 ? 1 : 13) {
    CAPTURE(buffer_bytes);
    NetFixture fixture(buffer_bytes);
    Connected one(fixture);
    Input input(one.stream, fixture.blocks());
    CHECK(one.peer.say(pipelined) == pipelined.size());
    std::vector<std::string> seen;
    fixture.spawn(receive_heads(input, expected.size(), fixture.far(), seen));
    fixture.run_until([&] { return fixture.loop().roots() == 0; });
    CHECK(seen == expected);
    input.release();
  }
}

TEST_CASE("how receiving a head ends otherwise") {
  struct Row {
    std::string_view what;
    std::string bytes;
    void (*action)(NetFixture&, Connected&);
    std::string_view how;
  };
  auto finish = [](NetFixture&, Connected& one) { one.peer.finish(); };
  auto nothing = [](NetFixture&, Connected&) {};
  const std::string endless = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const Row rows[] = {
      {"nothing came", "", finish, "partial"},
      {"the end within the head", "GET / HT", finish, "partial"},
      {"a reset", "GET / HT", [](NetFixture&, Connected& one) { one.peer.reset(); }, "reset"},
      {"a deadline", "GET / HT", nothing, "timed_out"},
      {"a cancel", "GET / HT", [](NetFixture& f, Connected&) { f.loop().cancel_roots(); }, "cancelled"},
      {"longer than a block", endless + std::string(9000, 'x'), nothing, "head_too_large"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    NetFixture fixture(512);
    Connected one(fixture);
    Input input(one.stream, fixture.blocks());
    std::vector<std::string> seen;
    CHECK(one.peer.say(row.bytes) == row.bytes.size());
    fixture.spawn(receive_heads(input, 1, row.what == "a deadline" ? fixture.soon() : fixture.far(), seen));
    if (row.what != "a deadline") fixture.settle();
    row.action(fixture, one);
    fixture.run_until([&] { return !seen.empty(); });
    CHECK(seen == std::vector<std::string>{std::string(row.how)});
    while (!input.is_empty()) input.consume(input.bytes().size());
    input.release();
  }
}

}  // namespace
}  // namespace sluice::message
