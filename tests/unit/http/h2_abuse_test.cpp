#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "h2_served.hpp"

// What a client may not do, and what it may not do too much of.
namespace sluice::http {
namespace {

using namespace std::string_literals;
using h2::Fields;
using h2::Frame;

struct Broken {
  const char* what;
  std::string bytes;
  H2Error error;
  bool is_stream_error = false;  // of stream 1
};

std::string pad_too_long() {
  return h2::frame(h2::data, h2::padded, 1,
                   "\x09"
                   "abc");
}

const Broken broken[] = {
    // RFC 9113 §3.4 to §5.1
    {"no preface", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", H2Error::protocol_error},
    {"preface without SETTINGS", std::string(h2::magic) + h2::frame(h2::ping, 0, 0, "12345678"),
     H2Error::protocol_error},
    {"frame too large", h2::preface() + h2::number(16385, 3) + "\0\0\0\0\0\1"s, H2Error::frame_size_error},
    {"DATA on an idle stream", h2::preface() + h2::frame(h2::data, 0, 1, "x"), H2Error::protocol_error},
    {"RST_STREAM on an idle stream", h2::preface() + h2::frame(h2::rst_stream, 0, 1, h2::number(8, 4)),
     H2Error::protocol_error},
    {"WINDOW_UPDATE on an idle stream", h2::preface() + h2::frame(h2::window_update, 0, 1, h2::number(1, 4)),
     H2Error::protocol_error},
    {"even stream", h2::preface() + h2::head(2, h2::get()), H2Error::protocol_error},
    {"stream 0 for HEADERS", h2::preface() + h2::head(0, h2::get()), H2Error::protocol_error},
    {"PUSH_PROMISE from a client",
     h2::preface() + h2::head(1, h2::get(), 0) +
         h2::frame(h2::push_promise, h2::end_headers, 1, h2::number(2, 4) + h2::block(h2::get())),
     H2Error::protocol_error},
    {"something between HEADERS and CONTINUATION",
     h2::preface() + h2::frame(h2::headers, 0, 1, h2::block(h2::get())) + h2::frame(h2::ping, 0, 0, "12345678"),
     H2Error::protocol_error},
    {"CONTINUATION without HEADERS", h2::preface() + h2::frame(h2::continuation, h2::end_headers, 1, ""),
     H2Error::protocol_error},
    // §4.3, RFC 7541
    {"index without an entry", h2::preface() + h2::frame(h2::headers, h2::end_headers, 1, "\xff\xff\xff\x7f"),
     H2Error::compression_error},
    {"block that was cut",
     h2::preface() + h2::frame(h2::headers, h2::end_headers, 1, h2::block(h2::get()).substr(0, 10)),
     H2Error::compression_error},
    {"table larger than allowed", h2::preface() + h2::frame(h2::headers, h2::end_headers, 1, "\x3f\xff\xff\x7f"),
     H2Error::compression_error},
    // §6
    {"DATA on stream 0", h2::preface() + h2::frame(h2::data, 0, 0, "x"), H2Error::protocol_error},
    {"padding longer than the frame", h2::preface() + h2::head(1, h2::post(), 0) + pad_too_long(),
     H2Error::protocol_error},
    {"RST_STREAM of the wrong size", h2::preface() + h2::head(1, h2::get(), 0) + h2::frame(h2::rst_stream, 0, 1, "x"),
     H2Error::frame_size_error},
    {"SETTINGS of the wrong size", h2::preface("12345"), H2Error::frame_size_error},
    {"SETTINGS on a stream", h2::preface() + h2::frame(h2::settings, 0, 1, ""), H2Error::protocol_error},
    {"SETTINGS acknowledged with payload", h2::preface() + h2::frame(h2::settings, h2::ack, 0, "123456"),
     H2Error::frame_size_error},
    {"ENABLE_PUSH of 2", h2::preface(h2::setting(2, 2)), H2Error::protocol_error},
    {"window of 2^31", h2::preface(h2::setting(4, 0x80000000)), H2Error::flow_control_error},
    {"frame size below the least", h2::preface(h2::setting(5, 100)), H2Error::protocol_error},
    {"PING of the wrong size", h2::preface() + h2::frame(h2::ping, 0, 0, "123"), H2Error::frame_size_error},
    {"PING on a stream", h2::preface() + h2::frame(h2::ping, 0, 1, "12345678"), H2Error::protocol_error},
    {"GOAWAY on a stream", h2::preface() + h2::frame(h2::goaway, 0, 1, h2::number(0, 8)), H2Error::protocol_error},
    {"WINDOW_UPDATE of the wrong size", h2::preface() + h2::frame(h2::window_update, 0, 0, "123"),
     H2Error::frame_size_error},
    {"WINDOW_UPDATE of 0 for the connection", h2::preface() + h2::frame(h2::window_update, 0, 0, h2::number(0, 4)),
     H2Error::protocol_error},
    {"window of the connection above 2^31",
     h2::preface() + h2::frame(h2::window_update, 0, 0, h2::number(0x7fffffff, 4)), H2Error::flow_control_error},
    // §8
    {"name with a capital", h2::preface() + h2::head(1, h2::get("/", {{"A", "b"}})), H2Error::protocol_error, true},
    {"CR LF in a value", h2::preface() + h2::head(1, h2::get("/", {{"a", "b\r\nc: d"}})), H2Error::protocol_error,
     true},
    {"NUL in a value", h2::preface() + h2::head(1, h2::get("/", {{"a", "b\0"s}})), H2Error::protocol_error, true},
    {"colon in a name", h2::preface() + h2::head(1, h2::get("/", {{"a:b", "c"}})), H2Error::protocol_error, true},
    {"space in a name", h2::preface() + h2::head(1, h2::get("/", {{"a b", "c"}})), H2Error::protocol_error, true},
    {"connection", h2::preface() + h2::head(1, h2::get("/", {{"connection", "x"}})), H2Error::protocol_error, true},
    {"transfer-encoding", h2::preface() + h2::head(1, h2::post({{"transfer-encoding", "chunked"}}), 0),
     H2Error::protocol_error, true},
    {"upgrade", h2::preface() + h2::head(1, h2::get("/", {{"upgrade", "h2c"}})), H2Error::protocol_error, true},
    {"te: gzip", h2::preface() + h2::head(1, h2::get("/", {{"te", "gzip"}})), H2Error::protocol_error, true},
    {"two :path", h2::preface() + h2::head(1, h2::get("/", {{":path", "/b"}})), H2Error::protocol_error, true},
    {"no :path", h2::preface() + h2::head(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}),
     H2Error::protocol_error, true},
    {"unknown pseudo-header", h2::preface() + h2::head(1, h2::get("/", {{":x", "y"}})), H2Error::protocol_error, true},
    {"two lengths", h2::preface() + h2::head(1, h2::post({{"content-length", "1"}, {"content-length", "2"}}), 0),
     H2Error::protocol_error, true},
    {"length without a body", h2::preface() + h2::head(1, h2::post({{"content-length", "1"}})), H2Error::protocol_error,
     true},
    {"body longer than its length",
     h2::preface() + h2::head(1, h2::post({{"content-length", "1"}}), 0) + h2::frame(h2::data, 0, 1, "xy"),
     H2Error::protocol_error, true},
    {"body shorter than its length",
     h2::preface() + h2::head(1, h2::post({{"content-length", "3"}}), 0) + h2::frame(h2::data, h2::end_stream, 1, "xy"),
     H2Error::protocol_error, true},
    {"trailers that do not end the stream",
     h2::preface() + h2::head(1, h2::post(), 0) + h2::frame(h2::headers, h2::end_headers, 1, h2::block({{"a", "b"}})),
     H2Error::protocol_error, true},
    {"pseudo-header in trailers", h2::preface() + h2::head(1, h2::post(), 0) + h2::head(1, {{":path", "/"}}),
     H2Error::protocol_error, true},
    {"CR LF in trailers", h2::preface() + h2::head(1, h2::post(), 0) + h2::head(1, {{"a", "b\r\nc: d"}}),
     H2Error::protocol_error, true},
    {"WINDOW_UPDATE of 0",
     h2::preface() + h2::head(1, h2::post(), 0) + h2::frame(h2::window_update, 0, 1, h2::number(0, 4)),
     H2Error::protocol_error},
    {"window of a stream above 2^31",
     h2::preface() + h2::head(1, h2::post(), 0) + h2::frame(h2::window_update, 0, 1, h2::number(0x7fffffff, 4)),
     H2Error::flow_control_error, true},
};

void check_broken(const Broken& row, Served& served) {
  served.flush();
  if (row.is_stream_error) {
    REQUIRE(served.last(h2::rst_stream, 1) != nullptr);
    CHECK(served.last(h2::rst_stream, 1)->code() == static_cast<std::uint32_t>(row.error));
    CHECK_FALSE(served.session().is_over());
    // The connection goes on.
    served.send(h2::head(7, h2::get("/next")));
    CHECK(served.log().find("GET /next") != std::string::npos);
  } else {
    REQUIRE(served.last(h2::goaway) != nullptr);
    CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(row.error));
    CHECK(served.session().is_over());
    CHECK(served.session().end().error == row.error);
    CHECK_FALSE(served.session().end().is_by_peer);
    const std::size_t before = served.log().size();
    served.send(h2::head(7, h2::get("/next")));
    CHECK(served.log().size() == before);
  }
  for (H2Stream* stream : served.streams()) {
    if (stream->id() == 1) CHECK(stream->is_over());
  }
}

TEST_CASE("http: errors of HTTP/2 have the code that RFC 9113 asks for") {
  for (const Broken& row : broken) {
    CAPTURE(std::string(row.what));
    Served whole;
    whole.send(row.bytes);
    check_broken(row, whole);
    Served bytewise;
    for (const char& byte : row.bytes) bytewise.send({&byte, 1});
    check_broken(row, bytewise);
    Served halves;
    halves.send(std::string_view(row.bytes).substr(0, row.bytes.size() / 2));
    halves.send(std::string_view(row.bytes).substr(row.bytes.size() / 2));
    check_broken(row, halves);
  }
}

TEST_CASE("http: a stream below one that was opened is not opened any more") {
  Served served;
  served.send(h2::preface() + h2::head(5, h2::get()) + h2::head(3, h2::get("/late")));
  CHECK(served.streams().size() == 1);
  CHECK(served.log().find("/late") == std::string::npos);
}

TEST_CASE("http: DATA behind the end of a stream is an error of that stream or of the connection") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()) + h2::frame(h2::data, 0, 1, "x"));
  served.flush();
  const Frame* goaway = served.last(h2::goaway);
  const Frame* reset = served.last(h2::rst_stream, 1);
  REQUIRE((goaway != nullptr || reset != nullptr));
  CHECK((goaway != nullptr ? goaway : reset)->code() == static_cast<std::uint32_t>(H2Error::stream_closed));
}

struct Flood {
  H2Flood kind;
  std::string before;
  std::string once;
};

TEST_CASE("http: floods end the connection, and not before they are floods") {
  const std::string open_post = h2::preface() + h2::head(1, h2::post(), 0);
  const Flood floods[] = {
      {H2Flood::settings, h2::preface(), h2::frame(h2::settings, 0, 0, "")},
      {H2Flood::pings, h2::preface(), h2::frame(h2::ping, 0, 0, "12345678")},
      {H2Flood::pings, h2::preface(), h2::frame(h2::ping, h2::ack, 0, "12345678")},
      {H2Flood::priorities, h2::preface(), h2::frame(h2::priority, 0, 1, h2::number(0, 5))},
      {H2Flood::priorities, open_post, h2::frame(h2::priority_update, 0, 0, h2::number(1, 4) + "u=1")},
      {H2Flood::window_updates, open_post, h2::frame(h2::window_update, 0, 1, h2::number(1, 4))},
      {H2Flood::window_updates, h2::preface(), h2::frame(h2::window_update, 0, 0, h2::number(1, 4))},
      {H2Flood::empty_frames, open_post, h2::frame(h2::data, 0, 1, "")},
      {H2Flood::empty_frames, open_post, h2::frame(h2::data, h2::padded, 1, "\x01\0"s)},
      {H2Flood::unknown_frames, h2::preface(), h2::frame(h2::reserved, 0, 0, "x")},
  };
  for (const Flood& flood : floods) {
    CAPTURE(to_string(flood.kind));
    Served served;
    served.send(flood.before);
    std::size_t count = 0;
    while (!served.session().is_over() && count < 100'000) {
      served.send(flood.once);
      served.flush();
      ++count;
    }
    CHECK(count > 30);
    CHECK(count < 2500);
    CHECK(served.session().end().flood == flood.kind);
    REQUIRE(served.last(h2::goaway) != nullptr);
    REQUIRE(served.last(h2::goaway) != nullptr);
    CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
    for (H2Stream* stream : served.streams()) CHECK(stream->is_over());
    // The same number in an hour hurts nobody.
    Served slow;
    slow.send(flood.before);
    for (std::size_t i = 0; i < count; ++i) {
      slow.send(flood.once, start + std::chrono::seconds(i));
      slow.flush();
    }
    CHECK_FALSE(slow.session().is_over());
  }
}

TEST_CASE("http: rapid reset ends the connection") {
  Served served;
  served.send(h2::preface());
  std::uint32_t id = 1;
  for (; !served.session().is_over() && id < 20'000; id += 2) {
    served.send(h2::head(id, h2::get()) + h2::frame(h2::rst_stream, 0, id, h2::number(8, 4)));
    while (!served.streams().empty()) served.release(served.streams().front());
    served.flush();
  }
  CHECK(id > 200);
  CHECK(id < 1000);
  CHECK(served.session().end().flood == H2Flood::resets);
  REQUIRE(served.last(h2::goaway) != nullptr);
  CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
}

TEST_CASE("http: streams that are reset faster than we can wind them up are refused") {
  H2Settings settings;
  settings.streams_max = 10;
  Served served(settings);
  served.send(h2::preface() + h2::frame(h2::settings, h2::ack, 0, ""));
  for (std::uint32_t id = 1; id < 60; id += 2) {
    served.send(h2::head(id, h2::get()) + h2::frame(h2::rst_stream, 0, id, h2::number(8, 4)));
    served.flush();
  }
  CHECK(served.streams().size() == 20);
  CHECK(served.session().streams() == 20);
  while (!served.streams().empty()) served.release(served.streams().front());
  served.send(h2::head(61, h2::get()));
  CHECK(served.streams().size() == 1);
}

TEST_CASE("http: more streams at once than we allow are refused") {
  H2Settings settings;
  settings.streams_max = 3;
  Served served(settings);
  served.send(h2::preface());
  served.flush();
  // Before it has acknowledged the bound, the client may not know it.
  for (std::uint32_t id = 1; id <= 9; id += 2) served.send(h2::head(id, h2::get()));
  served.flush();
  CHECK(served.streams().size() == 3);
  REQUIRE(served.last(h2::rst_stream, 9) != nullptr);
  CHECK(served.last(h2::rst_stream, 9)->code() == static_cast<std::uint32_t>(H2Error::refused_stream));
  CHECK_FALSE(served.session().is_over());
  served.send(h2::frame(h2::settings, h2::ack, 0, "") + h2::head(11, h2::get()));
  served.flush();
  CHECK(served.session().is_over());
}

TEST_CASE("http: resets that the peer provokes end the connection (MadeYouReset)") {
  const std::string_view provocations[] = {"overflow", "malformed", "length"};
  for (std::string_view how : provocations) {
    CAPTURE(how);
    Served served;
    served.send(h2::preface());
    std::uint32_t id = 1;
    for (; !served.session().is_over() && id < 20'000; id += 2) {
      std::string bytes = h2::head(id, h2::post(how == "malformed" ? Fields{{"te", "x"}} : Fields{}), 0);
      if (how == "length") {
        bytes = h2::head(id, h2::post({{"content-length", "1"}}), 0) + h2::frame(h2::data, 0, id, "xyz");
      }
      if (how == "overflow") bytes += h2::frame(h2::window_update, 0, id, h2::number(0x7fffffff, 4));
      served.send(bytes);
      while (!served.streams().empty()) served.release(served.streams().front());
      served.flush();
    }
    CHECK(id > 150);
    CHECK(id < 500);
    CHECK(served.session().end().flood == H2Flood::provoked_resets);
    REQUIRE(served.last(h2::goaway) != nullptr);
    CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
  }
}

TEST_CASE("http: resets of ours are not the peer's") {
  Served served;
  served.send(h2::preface());
  for (std::uint32_t id = 1; id < 2001; id += 2) {
    served.send(h2::head(id, h2::post(), 0));
    REQUIRE(served.streams().size() == 1);
    served.session().send_head(*served.streams()[0], ok_head, true);
    served.flush();
    served.release(served.streams()[0]);
    served.flush();
    REQUIRE(served.last(h2::rst_stream, id) != nullptr);
    CHECK(served.last(h2::rst_stream, id)->code() == static_cast<std::uint32_t>(H2Error::no_error));
    served.frames().clear();
  }
  CHECK_FALSE(served.session().is_over());
}

TEST_CASE("http: a header block in too many pieces ends the connection") {
  for (const bool is_empty : {true, false}) {
    Served served;
    served.send(h2::preface() + h2::frame(h2::headers, 0, 1, h2::block(h2::get())));
    std::size_t count = 0;
    while (!served.session().is_over() && ++count < 1000) {
      served.send(h2::frame(h2::continuation, 0, 1, is_empty ? "" : h2::block({{"a", "b"}})));
      served.flush();
    }
    CHECK(count == 9);
    CHECK(served.session().end().flood == H2Flood::continuations);
    REQUIRE(served.last(h2::goaway) != nullptr);
    CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
    CHECK(served.streams().empty());
  }
}

TEST_CASE("http: a header block that unfolds to much") {
  H2Settings settings;
  settings.head_bytes_max = 4096;
  // An entry of the table, and references to it of one byte each: RFC 7541 §6.2.1, §6.1.
  const std::string entry = "\x40" + h2::length(1) + "a" + h2::length(3000) + std::string(3000, 'b');
  SUBCASE("above the largest head: refused, and the connection goes on") {
    Served served(settings);
    served.send(h2::preface() +
                h2::frame(h2::headers, h2::end_headers | h2::end_stream, 1, h2::block(h2::get()) + entry + "\xbe\xbe"));
    REQUIRE(served.streams().size() == 1);
    CHECK(served.streams()[0]->head().reject() == Reject::head_too_large);
    served.answer(*served.streams()[0], "no");
    CHECK(served.last(h2::data, 1)->payload == "no");
    CHECK_FALSE(served.session().is_over());
  }
  SUBCASE("far above: the end of the connection") {
    Served served(settings);
    served.send(h2::preface() + h2::frame(h2::headers, h2::end_headers | h2::end_stream, 1,
                                          h2::block(h2::get()) + entry + std::string(10000, '\xbe')));
    served.flush();
    CHECK(served.streams().empty());
    CHECK(served.session().end().flood == H2Flood::header_list);
    REQUIRE(served.last(h2::goaway) != nullptr);
    CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
  }
  SUBCASE("in trailers as well") {
    Served served(settings);
    served.send(h2::preface() + h2::head(1, h2::post(), 0) +
                h2::frame(h2::headers, h2::end_headers | h2::end_stream, 1, entry + std::string(10000, '\xbe')));
    served.flush();
    CHECK(served.session().end().flood == H2Flood::header_list);
  }
}

TEST_CASE("http: trailers above their bound are told, not kept") {
  H2Settings settings;
  settings.trailer_bytes_max = 100;
  Served served(settings);
  served.send(h2::preface() + h2::head(1, h2::post(), 0) +
              h2::head(1, {{"a", std::string(60, 'x')}, {"b", std::string(60, 'y')}}));
  REQUIRE(served.streams().size() == 1);
  CHECK(served.streams()[0]->has_too_long_trailers());
  CHECK(served.streams()[0]->trailers().size() <= 100);
}

TEST_CASE("http: a client that does not read its answers is not answered for ever") {
  Served served;
  served.send(h2::preface());
  for (int i = 0; i < 400 && served.session().end().flood == H2Flood::none; ++i) {
    served.send(h2::frame(h2::ping, 0, 0, "12345678"));
  }
  CHECK(served.session().end().flood == H2Flood::acknowledgements);
  served.flush();
  REQUIRE(served.last(h2::goaway) != nullptr);
  CHECK(served.last(h2::goaway)->code() == static_cast<std::uint32_t>(H2Error::enhance_your_calm));
  CHECK(served.session().is_over());
}

}  // namespace
}  // namespace sluice::http
