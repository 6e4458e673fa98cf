#include "../../../tools/load/response_reader.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace sluice;
using load::BodyExpectation;
using load::ResponseReader;
using State = ResponseReader::State;

namespace {

struct Seen {
  int status;
  std::uint64_t body_bytes;
  bool keeps_alive;
  bool is_as_expected;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Reading {
  std::vector<Seen> responses;
  bool is_malformed = false;
};

// Reads all of it, cut into pieces of `piece` bytes.
Reading read_all(std::string_view text, std::size_t piece, BodyExpectation expectation = {},
                 http::Method method = http::Method::get) {
  const auto scratch = std::make_unique<http::ResponseHead>();
  ResponseReader reader(method, expectation, *scratch);
  Reading reading;
  reader.begin();
  for (std::size_t at = 0; at < text.size(); at += piece) {
    // On the heap, so that a view which outlives its piece is seen.
    const std::vector<char> copy(text.begin() + static_cast<std::ptrdiff_t>(at),
                                 text.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, text.size())));
    std::string_view rest(copy.data(), copy.size());
    while (!rest.empty()) {
      const ResponseReader::Step step = reader.step(rest);
      rest.remove_prefix(step.consumed);
      if (step.state == State::malformed) {
        reading.is_malformed = true;
        return reading;
      }
      if (step.state == State::more) break;
      reading.responses.push_back(
          {reader.status(), reader.body_bytes(), reader.keeps_alive(), reader.is_as_expected()});
      reader.begin();
    }
  }
  if (reader.ends_at_close()) {
    reading.responses.push_back({reader.status(), reader.body_bytes(), reader.keeps_alive(), reader.is_as_expected()});
  } else if (reader.is_inside()) {
    reading.is_malformed = true;
  }
  return reading;
}

}  // namespace

TEST_CASE("load: responses, however they are cut") {
  struct Row {
    std::string_view text;
    std::vector<Seen> responses;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", {{200, 2, true, true}}},
      {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
       {{204, 0, true, true}, {404, 0, true, true}}},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\na",
       {{200, 1, true, true}}},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 0\r\n\r\n",
       {{200, 5, true, true}, {200, 0, true, true}}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", {{200, 0, false, true}}},
      {"HTTP/1.0 200 OK\r\n\r\nto the end", {{200, 10, false, true}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    for (std::size_t piece = 1; piece <= row.text.size(); ++piece) {
      CAPTURE(piece);
      const Reading reading = read_all(row.text, piece);
      CHECK_FALSE(reading.is_malformed);
      CHECK(reading.responses == row.responses);
    }
  }
}

TEST_CASE("load: an answer to HEAD has no body") {
  const Reading reading =
      read_all("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 7,
               {.checksum = true, .bytes = {}}, http::Method::head);
  CHECK(reading.responses == std::vector<Seen>{{200, 0, true, true}, {200, 0, true, true}});
}

TEST_CASE("load: what is no response") {
  const std::string_view rows[] = {
      "220 smtp ready\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",  // and no more
      "HTTP/1.1 200 OK\r\nContent-Le",
  };
  for (std::string_view text : rows) {
    CAPTURE(text);
    for (std::size_t piece : {std::size_t{1}, std::size_t{3}, text.size()}) CHECK(read_all(text, piece).is_malformed);
  }
}

TEST_CASE("load: bodies are held against what is expected of them") {
  const std::string_view right = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Checksum: crc32=cbf43926\r\n\r\n123456789";
  const std::string_view wrong[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Checksum: crc32=cbf43927\r\n\r\n123456789",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Checksum: crc32=cbf4392\r\n\r\n123456789",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Checksum: cbf43926\r\n\r\n123456789",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Checksum: crc32=cbf4392x\r\n\r\n123456789",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
  };
  for (std::size_t piece = 1; piece <= right.size(); ++piece) {
    CHECK(read_all(right, piece, {.checksum = true, .bytes = 9}).responses == std::vector<Seen>{{200, 9, true, true}});
    CHECK(read_all(right, piece, {.bytes = 8}).responses == std::vector<Seen>{{200, 9, true, false}});
    for (std::string_view text : wrong) {
      CHECK(read_all(text, piece, {.checksum = true, .bytes = {}}).responses ==
            std::vector<Seen>{{200, 9, true, false}});
    }
  }
}

TEST_CASE("load: payload that is thrown away counts as read") {
  const auto scratch = std::make_unique<http::ResponseHead>();
  ResponseReader reader(http::Method::get, {.checksum = false, .bytes = 100}, *scratch);
  reader.begin();
  CHECK(reader.skippable() == 0);
  REQUIRE(reader.step("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").state == State::more);
  CHECK(reader.skippable() == 97);
  CHECK(reader.skip(96) == State::more);
  CHECK(reader.skippable() == 1);
  CHECK(reader.skip(1) == State::done);
  CHECK(reader.body_bytes() == 100);
  CHECK(reader.is_as_expected());

  reader.begin();
  REQUIRE(reader.step("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n").state == State::more);
  CHECK(reader.skippable() == 0x50);
  CHECK(reader.skip(0x50) == State::more);
  CHECK(reader.skippable() == 0);
  CHECK(reader.step("\r\n0\r\n\r\n").state == State::done);

  ResponseReader verifying(http::Method::get, {.checksum = true, .bytes = {}}, *scratch);
  verifying.begin();
  REQUIRE(verifying.step("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").state == State::more);
  CHECK(verifying.skippable() == 0);
}
