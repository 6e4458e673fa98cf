#include "http/h2_session.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "h2_served.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::http {
namespace {

using namespace std::string_literals;
using h2::Fields;
using h2::Frame;

TEST_CASE("http: a request and its response over HTTP/2") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get("/x", {{"accept", "*/*"}})));
  REQUIRE(served.streams().size() == 1);
  H2Stream& stream = *served.streams()[0];
  CHECK(stream.id() == 1);
  CHECK(stream.has_ended());
  CHECK(stream.ended_with_head());
  CHECK(stream.head().text() == "GET /x HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n");
  served.session().send_interim(stream, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  served.session().send_head(stream, "HTTP/1.1 200 OK\r\nServer: y\r\nTransfer-Encoding: chunked\r\n\r\n", false);
  served.session().offer(stream, "hello");
  served.flush();
  CHECK(stream.offered() == 0);
  CHECK_FALSE(stream.was_answered());
  served.session().end_response(stream, "X-Sum: 1\r\nX-More: 2\r\n");
  served.flush();
  CHECK(stream.was_answered());
  CHECK(stream.is_over());
  CHECK(stream.error() == H2Error::no_error);

  std::vector<Frame> of_stream;
  std::ranges::copy_if(served.frames(), std::back_inserter(of_stream),
                       [](const Frame& one) { return one.stream == 1; });
  REQUIRE(of_stream.size() >= 4);
  CHECK(of_stream[0].fields == Fields{{":status", "103"}, {"link", "</a>"}});
  CHECK(of_stream[1].fields == Fields{{":status", "200"}, {"server", "y"}});
  CHECK(of_stream[2].payload == "hello");
  CHECK(of_stream.back().fields == Fields{{"x-sum", "1"}, {"x-more", "2"}});
  CHECK(of_stream.back().ends_stream());
  // Ours: SETTINGS first, the window of the connection, the peer's SETTINGS acknowledged.
  CHECK(served.frames()[0].type == h2::settings);
  CHECK(served.count(h2::settings) == 2);
  CHECK(served.last(h2::window_update, 0) != nullptr);
}

TEST_CASE("http: a head with more fields than can be sent resets its stream") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()));
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) head += "X: y\r\n";
  served.session().send_interim(*served.streams()[0], head + "\r\n");
  CHECK_FALSE(served.streams()[0]->is_over());
  served.session().send_head(*served.streams()[0], head + "\r\n", true);
  served.flush();
  CHECK(served.last(h2::headers, 1) == nullptr);
  REQUIRE(served.last(h2::rst_stream, 1) != nullptr);
  CHECK(served.last(h2::rst_stream, 1)->code() == static_cast<std::uint32_t>(H2Error::internal_error));
}

TEST_CASE("http: a response without body ends with its head") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()));
  served.session().send_head(*served.streams()[0], "HTTP/1.1 204 No Content\r\n\r\n", true);
  served.flush();
  CHECK(served.last(h2::headers, 1)->ends_stream());
  CHECK(served.last(h2::data, 1) == nullptr);
  CHECK(served.streams()[0]->is_over());
}

TEST_CASE("http: a response that ends without an offer ends with an empty frame") {
  for (const bool has_trailers : {false, true}) {
    Served served;
    served.send(h2::preface() + h2::head(1, h2::get()));
    H2Stream& stream = *served.streams()[0];
    served.session().send_head(stream, ok_head, false);
    served.flush();
    served.session().end_response(stream, has_trailers ? "X: y\r\n" : "");
    served.flush();
    CHECK(stream.was_answered());
    CHECK(served.last(has_trailers ? h2::headers : h2::data, 1)->ends_stream());
  }
}

TEST_CASE("http: a response that ends behind its offers ends with an empty frame") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()));
  H2Stream& stream = *served.streams()[0];
  served.answer(stream, "abc");
  served.session().end_response(stream, {});
  served.flush();
  CHECK(served.last(h2::data, 1)->payload.empty());
  CHECK(served.last(h2::data, 1)->ends_stream());
}

// The same requests, whole, in two parts cut anywhere, and byte by byte.
TEST_CASE("http: how the bytes of HTTP/2 are cut changes nothing") {
  const std::string bytes =
      h2::preface(h2::setting(4, 70000)) + h2::head(1, h2::post({{"x", "y"}}), 0) + h2::frame(h2::data, 0, 1, "abc") +
      h2::frame(h2::ping, 0, 0, "12345678") +
      h2::frame(h2::data, h2::padded, 1,
                "\x02"
                "def"
                "\0\0"s) +
      h2::frame(h2::headers, h2::end_headers | h2::end_stream, 1, h2::block({{"x-trailer", "t"}})) +
      h2::frame(h2::headers, h2::end_stream, 3, h2::block(h2::get("/long")).substr(0, 20)) +
      h2::frame(h2::continuation, h2::end_headers, 3, h2::block(h2::get("/long")).substr(20)) +
      h2::frame(h2::reserved, 0x55, 0, "greased") + h2::frame(h2::rst_stream, 0, 3, h2::number(8, 4));
  const std::string expected =
      "began 1\nPOST / HTTP/1.1\r\nhost: a.example\r\nx: y\r\n\r\n"
      "began 3\nGET /long HTTP/1.1\r\nhost: a.example\r\n\r\nover 3 cancel\n";
  auto run = [&](std::initializer_list<std::size_t> cuts) {
    Served served;
    std::size_t from = 0;
    for (std::size_t cut : cuts) {
      served.send(std::string_view(bytes).substr(from, cut - from));
      from = cut;
    }
    served.send(std::string_view(bytes).substr(from));
    CHECK(served.log() == expected);
    REQUIRE(served.streams().size() == 2);
    H2Stream& stream = *served.streams()[0];
    CHECK(stream.has_ended());
    CHECK_FALSE(stream.ended_with_head());
    CHECK(stream.trailers() == "x-trailer: t\r\n");
    CHECK(read_all(served, stream) == "abcdef");
  };
  run({});
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    run({cut});
  }
  Served served;
  for (const char& byte : bytes) served.send({&byte, 1});
  CHECK(served.log() == expected);
}

TEST_CASE("http: what is to be sent fits into whatever room there is") {
  auto output = [](std::size_t room) {
    Served served;
    served.send(h2::preface() + h2::head(1, h2::get()) + h2::head(3, h2::get()));
    const std::string body(3000, 'b');
    served.session().send_head(*served.streams()[0], "HTTP/1.1 200 OK\r\nX: " + std::string(500, 'y') + "\r\n\r\n",
                               false);
    served.session().offer(*served.streams()[0], body);
    served.session().send_head(*served.streams()[1], ok_head, true);
    served.flush(room);
    served.session().end_response(*served.streams()[0], {});
    served.flush(room);
    std::string seen;
    for (const Frame& one : served.frames()) {
      if (one.type == h2::data) seen += one.payload;
      for (const auto& [name, value] : one.fields) seen += name + value;
    }
    CHECK(served.streams()[0]->was_answered());
    CHECK(served.streams()[1]->was_answered());
    return seen;
  };
  const std::string whole = output(20000);
  CHECK(whole.size() > 3500);
  for (std::size_t room : {H2Session::write_bytes_min, std::size_t{65}, std::size_t{100}, std::size_t{777}}) {
    CAPTURE(room);
    CHECK(output(room).size() == whole.size());
  }
}

std::size_t windows_given(Served& served, std::uint32_t stream) {
  std::size_t sum = 0;
  for (const Frame& one : served.frames()) {
    if (one.type != h2::window_update || one.stream != stream) continue;
    std::size_t value = 0;
    for (char c : one.payload) value = value << 8 | static_cast<unsigned char>(c);
    sum += value;
  }
  return sum;
}

TEST_CASE("http: the peer may send what was read, and no more") {
  H2Settings settings;
  settings.stream_window = 65535;
  settings.connection_window = 100'000;
  Served served(settings);
  served.send(h2::preface() + h2::frame(h2::settings, h2::ack, 0, "") + h2::head(1, h2::post(), 0));
  const std::string piece(16000, 'x');
  for (int i = 0; i < 4; ++i) served.send(h2::frame(h2::data, 0, 1, piece));
  served.flush();
  H2Stream& stream = *served.streams()[0];
  CHECK(stream.received().size() == 64000);
  CHECK(windows_given(served, 1) == 0);
  CHECK(windows_given(served, 0) == 100'000 - 65535);
  CHECK(read_all(served, stream).size() == 64000);
  served.flush();
  // In large steps: half of a window and more.
  const std::size_t given = windows_given(served, 1);
  CHECK(given >= 65535 / 2);
  CHECK(given <= 64000);
  CHECK(windows_given(served, 0) > 100'000 - 65535);
  // Everything that was allowed, and one byte.
  std::size_t left = 65535 - 64000 + given;
  while (left != 0) {
    const std::size_t count = std::min(left, piece.size());
    served.send(h2::frame(h2::data, 0, 1, std::string_view(piece).substr(0, count)));
    left -= count;
  }
  served.flush();
  CHECK_FALSE(stream.is_over());
  CHECK(stream.received().size() == 65535 - 64000 + given);
  for (int i = 0; i < 10; ++i) served.send(h2::frame(h2::data, 0, 1, std::string_view(piece).substr(0, 5000)));
  CHECK(stream.received().size() <= 65535);
  served.flush();
  CHECK(stream.is_over());
  const Frame* reset = served.last(h2::rst_stream, 1);
  const Frame* goaway = served.last(h2::goaway);
  REQUIRE((reset != nullptr || goaway != nullptr));
  CHECK((reset != nullptr ? reset : goaway)->code() == static_cast<std::uint32_t>(H2Error::flow_control_error));
}

TEST_CASE("http: what nobody read is given back to the connection with its stream") {
  H2Settings settings;
  settings.connection_window = 65535;
  Served served(settings);
  served.send(h2::preface());
  const std::string piece(16000, 'x');
  for (std::uint32_t id = 1; id < 41; id += 2) {
    served.send(h2::head(id, h2::post(), 0) + h2::frame(h2::data, 0, id, piece));
    served.send(h2::frame(h2::rst_stream, 0, id, h2::number(8, 4)));
    REQUIRE(served.streams().size() == 1);
    served.release(served.streams()[0]);
    served.flush();
  }
  CHECK_FALSE(served.session().is_over());
  // What comes for a stream that we have reset is nobody's, and does not stop the others.
  served.send(h2::head(41, h2::post(), 0));
  served.release(served.streams()[0]);
  served.flush();
  for (int i = 0; i < 20; ++i) {
    served.send(h2::frame(h2::data, 0, 41, piece));
    served.flush();
  }
  CHECK_FALSE(served.session().is_over());
}

TEST_CASE("http: a response waits for the client's windows") {
  Served served;
  served.send(h2::preface(h2::setting(4, 10)) + h2::head(1, h2::get()));
  H2Stream& stream = *served.streams()[0];
  const std::string body(100, 'x');
  served.answer(stream, body);
  CHECK(stream.offered() == 90);
  served.send(h2::frame(h2::window_update, 0, 1, h2::number(50, 4)));
  served.flush();
  CHECK(stream.offered() == 40);
  // Two streams: the one that waits does not hold up the other.
  served.send(h2::head(3, h2::get()));
  served.answer(*served.streams()[1], std::string_view(body).substr(0, 5));
  CHECK(served.streams()[1]->offered() == 0);
  served.session().withdraw(stream);
  served.send(h2::frame(h2::window_update, 0, 1, h2::number(500, 4)));
  served.flush();
  CHECK(stream.offered() == 0);
  std::size_t sent = 0;
  for (const Frame& one : served.frames()) sent += one.type == h2::data && one.stream == 1 ? one.payload.size() : 0;
  CHECK(sent == 60);
}

TEST_CASE("http: streams share the connection by urgency (RFC 9218)") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get("/low", {{"priority", "u=7"}})) +
              h2::head(3, h2::get("/high", {{"priority", "u=0"}})));
  const std::string body(1000, 'x');
  for (H2Stream* stream : served.streams()) {
    served.session().send_head(*stream, ok_head, false);
    served.session().offer(*stream, body);
  }
  served.flush();
  std::vector<std::uint32_t> order;
  for (const Frame& one : served.frames()) {
    if (one.type == h2::data) order.push_back(one.stream);
  }
  CHECK(order == std::vector<std::uint32_t>{3, 1});
}

TEST_CASE("http: a stream that the peer resets says so, and takes nothing more") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()));
  H2Stream& stream = *served.streams()[0];
  served.answer(stream, "abc");
  served.send(h2::frame(h2::rst_stream, 0, 1, h2::number(8, 4)));
  CHECK(stream.is_over());
  CHECK(stream.error() == H2Error::cancel);
  CHECK_FALSE(stream.was_answered());
  served.session().offer(stream, "def");
  served.session().end_response(stream, {});
  served.session().reset(stream, H2Error::internal_error);
  served.flush();
  CHECK(served.last(h2::rst_stream, 1) == nullptr);
  CHECK(served.last(h2::data, 1)->payload == "abc");
}

TEST_CASE("http: a stream that we are done with is reset, with the code that fits") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()) + h2::head(3, h2::get()) + h2::head(5, h2::get()));
  served.answer(*served.streams()[0], "half");
  served.release(served.streams()[0]);  // 1: in the middle of its response
  served.session().reset(*served.streams()[1], H2Error::internal_error);
  served.release(served.streams()[1]);  // 5
  served.flush();
  CHECK(served.last(h2::rst_stream, 1)->code() == static_cast<std::uint32_t>(H2Error::cancel));
  CHECK(served.last(h2::rst_stream, 5)->code() == static_cast<std::uint32_t>(H2Error::internal_error));
  CHECK(served.session().streams() == 1);
}

TEST_CASE("http: draining takes what is on its way, and ends behind it") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()));
  served.flush();
  served.session().begin_drain();
  served.flush();
  REQUIRE(served.count(h2::goaway) == 1);
  CHECK(served.last(h2::goaway)->code() == 0);
  CHECK(served.last(h2::goaway)->payload.substr(0, 4) == h2::number(0x7fffffff, 4));
  // What the client had sent before it saw that.
  served.send(h2::head(3, h2::get()));
  CHECK(served.streams().size() == 2);
  served.send(h2::frame(h2::ping, h2::ack, 0, served.last(h2::ping)->payload));
  served.flush();
  REQUIRE(served.count(h2::goaway) == 2);
  CHECK(served.last(h2::goaway)->payload.substr(0, 4) == h2::number(3, 4));
  served.send(h2::head(5, h2::get()));
  CHECK(served.streams().size() == 2);
  CHECK_FALSE(served.session().is_over());
  for (H2Stream* stream : served.streams()) served.session().send_head(*stream, ok_head, true);
  served.flush();
  CHECK(served.session().is_over());
  CHECK(served.session().end().error == H2Error::no_error);
  CHECK(served.count(h2::rst_stream) == 0);
}

TEST_CASE("http: the peer's GOAWAY is heard") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()) +
              h2::frame(h2::goaway, 0, 0, h2::number(0, 4) + h2::number(2, 4)));
  served.flush();
  CHECK(served.session().end().is_by_peer);
  CHECK(served.session().end().error == H2Error::internal_error);
  CHECK_FALSE(served.session().is_over());
  served.session().send_head(*served.streams()[0], ok_head, true);
  served.flush();
  CHECK(served.session().is_over());
}

TEST_CASE("http: terminating ends every stream") {
  Served served;
  served.send(h2::preface() + h2::head(1, h2::get()) + h2::head(3, h2::post(), 0));
  served.session().terminate(H2Error::no_error);
  served.flush();
  CHECK(served.session().is_over());
  CHECK(served.last(h2::goaway)->code() == 0);
  for (H2Stream* stream : served.streams()) CHECK(stream->is_over());
  served.session().terminate(H2Error::internal_error);
  CHECK(served.session().end().error == H2Error::no_error);
}

TEST_CASE("http: memory of the library is bounded and comes back") {
  const std::size_t before = memory::FramePool::of_this_thread().outstanding();
  {
    H2Settings settings;
    settings.memory_max = std::size_t{256} * 1024;
    Served served(settings);
    served.send(h2::preface());
    for (std::uint32_t id = 1; id < 200; id += 2) served.send(h2::head(id, h2::get()));
    served.flush();
    CHECK(served.streams().size() == 100);
    CHECK(served.session().library_bytes() < settings.memory_max);
    CHECK(served.session().library_bytes() > 1000);
  }
  CHECK(memory::FramePool::of_this_thread().outstanding() == before);
  H2Settings tight;
  tight.memory_max = 100;
  CHECK(H2Session::open(tight) == nullptr);
  // Room for some streams, and not for all: the connection ends, and says so to those it had.
  tight.memory_max = H2Session::open({})->library_bytes() + std::size_t{8} * 1024;
  Served served(tight);
  served.send(h2::preface());
  for (std::uint32_t id = 1; id < 200 && !served.session().is_over(); id += 2) served.send(h2::head(id, h2::get()));
  CHECK(served.session().is_over());
  CHECK_FALSE(served.streams().empty());
  for (H2Stream* stream : served.streams()) CHECK(stream->is_over());
}

}  // namespace
}  // namespace sluice::http
