#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "delivery.hpp"
#include "http/body.hpp"

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

struct Decoded {
  BodyState state = BodyState::need_more;
  Reject reject = Reject::none;
  std::size_t consumed = 0;
  std::string payload;
  std::string trailers;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Feeds the pieces that end at `ends`, each as an exact copy, until the body is over.
template <class Ends>
Decoded decode(BodyDecoder decoder, std::string_view bytes, const Ends& ends) {
  Decoded out;
  for (std::size_t end : ends) {
    ExactCopy copy(bytes.substr(out.consumed, end - out.consumed));
    std::string_view in = copy.view();
    while (true) {
      BodyStep step = decoder.step(in);
      out.state = step.state;
      out.reject = step.reject;
      out.consumed += step.consumed;
      out.payload += step.data;
      in.remove_prefix(step.consumed);
      if (step.state == BodyState::data) continue;
      if (step.state == BodyState::need_more) CHECK(in.empty());
      break;
    }
    if (out.state == BodyState::done || out.state == BodyState::rejected) break;
  }
  out.trailers = decoder.trailer_section();
  return out;
}

// Whole, split at every offset and byte by byte, all with the same outcome.
Decoded decode_every_way(const BodyFraming& framing, std::string_view bytes,
                         std::size_t trailer_bytes = limits::trailer_bytes_max) {
  auto run = [&](const auto& ends) {
    std::vector<char> trailers(trailer_bytes);
    return decode(BodyDecoder(framing, trailers), bytes, ends);
  };
  const Decoded whole = run(std::vector{bytes.size()});
  std::vector<std::size_t> each_byte;
  for (std::size_t end = 1; end <= bytes.size(); ++end) {
    CAPTURE(end);
    CHECK(run(std::vector{end, bytes.size()}) == whole);
    each_byte.push_back(end);
  }
  if (!bytes.empty()) CHECK(run(each_byte) == whole);
  return whole;
}

struct Refused {
  std::string_view bytes;
  Reject reject;
};

constexpr Refused refused_chunks[] = {
    // sizes
    {"\r\n", Reject::bad_chunk_size},
    {"\r\n0\r\n\r\n", Reject::bad_chunk_size},
    {";a=b\r\n", Reject::bad_chunk_size},
    {" 5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"\t5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"+5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"-5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"0x5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"5h\r\nabcde\r\n", Reject::bad_chunk_size},
    {"5_\r\nabcde\r\n", Reject::bad_chunk_size},
    {"g\r\n", Reject::bad_chunk_size},
    {"\0\r\n"sv, Reject::bad_chunk_size},
    {"5 \r\nabcde\r\n", Reject::bad_chunk_size},
    {"5\t\r\nabcde\r\n", Reject::bad_chunk_size},
    {"5 5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"5,5\r\nabcde\r\n", Reject::bad_chunk_size},
    {"5\xc2\xa0\r\nabcde\r\n", Reject::bad_chunk_size},
    {"8000000000000000\r\n", Reject::chunk_size_overflow},
    {"10000000000000000\r\n", Reject::chunk_size_overflow},
    {"ffffffffffffffffffff0\r\n", Reject::chunk_size_overflow},
    {"10000000000000005\r\nabcde\r\n", Reject::chunk_size_overflow},
    // ends of the chunk line
    {"5\nabcde\r\n", Reject::bare_lf},
    {"5 \nabcde\r\n", Reject::bare_lf},
    {"5\rabcde\r\n", Reject::bare_cr},
    {"5\r\r\nabcde\r\n", Reject::bare_cr},
    {"0\n\r\n", Reject::bare_lf},
    {"5;a\nabcde\r\n", Reject::bare_lf},
    {"5;a\rb\r\nabcde\r\n", Reject::bare_cr},
    // extensions
    {"5;a=\0\r\nabcde\r\n"sv, Reject::bad_chunk_extension},
    {"5;a=\x1b\r\nabcde\r\n", Reject::bad_chunk_extension},
    {"5;a=\x7f\r\nabcde\r\n", Reject::bad_chunk_extension},
    {"5;a=\"\v\"\r\nabcde\r\n", Reject::bad_chunk_extension},
    {"0;\x01\r\n\r\n", Reject::bad_chunk_extension},
    // ends of chunk data
    {"5\r\nabcdef\r\n", Reject::bad_chunk_end},
    {"5\r\nabcde0\r\n\r\n", Reject::bad_chunk_end},
    {"5\r\nabcde\n0\r\n\r\n", Reject::bad_chunk_end},
    {"5\r\nabcde\r0\r\n\r\n", Reject::bad_chunk_end},
    {"5\r\nabcde\r\r\n0\r\n\r\n", Reject::bad_chunk_end},
    {"5\r\nabcde \r\n0\r\n\r\n", Reject::bad_chunk_end},
    // trailers
    {"0\r\n\n", Reject::bare_lf},
    {"0\r\n\rX", Reject::bare_cr},
    {"0\r\nX: y\n\r\n", Reject::bare_lf},
    {"0\r\nX: y\rz\r\n\r\n", Reject::bare_cr},
    {"0\r\nX: y\r\n\n", Reject::bare_lf},
    {"0\r\nX: \0\r\n\r\n"sv, Reject::control_byte},
    {"0\r\nX: \x7f\r\n\r\n", Reject::control_byte},
    {"0\r\n\x01: y\r\n\r\n", Reject::control_byte},
    {"0\r\nX\r\n\r\n", Reject::bad_field_name},
    {"0\r\n: y\r\n\r\n", Reject::bad_field_name},
    {"0\r\nX Y: y\r\n\r\n", Reject::bad_field_name},
    {"0\r\nX : y\r\n\r\n", Reject::space_before_colon},
    {"0\r\n X: y\r\n\r\n", Reject::obs_fold},
    {"0\r\nX: y\r\n z\r\n\r\n", Reject::obs_fold},
    {"0\r\nGET / HTTP/1.1\r\n\r\n", Reject::bad_field_name},
};

TEST_CASE("broken chunks are refused") {
  for (const Refused& row : refused_chunks) {
    CAPTURE(std::string(row.bytes));
    Decoded out = decode_every_way(BodyFraming::chunked(), row.bytes);
    CHECK(to_string(out.state) == "rejected");
    CHECK(to_string(out.reject) == to_string(row.reject));
  }
}

struct Accepted {
  std::string_view bytes;
  std::string_view payload;
  std::string_view trailers;
};

constexpr Accepted accepted_chunks[] = {
    {"0\r\n\r\n", "", ""},
    {"000\r\n\r\n", "", ""},
    {"5\r\nabcde\r\n0\r\n\r\n", "abcde", ""},
    {"1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "abc", ""},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
    {"0000000000000000000000000005\r\nabcde\r\n0\r\n\r\n", "abcde", ""},
    {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""},
    {"5;a\r\nabcde\r\n0;b=\"c d\";e\r\n\r\n", "abcde", ""},
    {"5 \t ;a=b\r\nabcde\r\n0\r\n\r\n", "abcde", ""},
    {"5;\t\xc3\xa9\r\nabcde\r\n0\r\n\r\n", "abcde", ""},
    {"0\r\nX: y\r\n\r\n", "", "X: y\r\n"},
    {"1\r\na\r\n0\r\nX: y\r\nZ:\t\xc3\xa9\r\n\r\n", "a", "X: y\r\nZ:\t\xc3\xa9\r\n"},
};

TEST_CASE("chunks are taken off their payload") {
  for (const Accepted& row : accepted_chunks) {
    CAPTURE(std::string(row.bytes));
    const std::string with_next = std::string(row.bytes) + "GET / HTTP/1.1\r\n";
    Decoded out = decode_every_way(BodyFraming::chunked(), with_next);
    CHECK(to_string(out.reject) == "none");
    CHECK(to_string(out.state) == "done");
    CHECK(out.consumed == row.bytes.size());
    CHECK(out.payload == row.payload);
    CHECK(out.trailers == row.trailers);
  }
}

TEST_CASE("a chunked body that stops early is not done") {
  constexpr std::string_view body = "3;x\r\nabc\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < body.size(); ++size) {
    std::array<char, 64> trailers;
    BodyDecoder decoder(BodyFraming::chunked(), trailers);
    Decoded out = decode(decoder, body.substr(0, size), std::array{size});
    CHECK(out.state == BodyState::need_more);
    CHECK(!decoder.ends_at_close());
  }
}

TEST_CASE("limits of a chunked body") {
  SUBCASE("chunk line") {
    const std::string most = "0;" + std::string(limits::chunk_line_bytes_max - 4, 'x');
    CHECK(decode_every_way(BodyFraming::chunked(), most + "\r\n\r\n").state == BodyState::done);
    CHECK(decode_every_way(BodyFraming::chunked(), most + "x\r\n\r\n").reject == Reject::chunk_line_too_long);
    CHECK(decode_every_way(BodyFraming::chunked(), std::string(400, '0')).reject == Reject::chunk_line_too_long);
    CHECK(decode_every_way(BodyFraming::chunked(), "0" + std::string(400, ' ')).reject == Reject::chunk_line_too_long);
    // The limit is for each line.
    std::string many;
    for (int i = 0; i < 3; ++i) many += "1;" + std::string(200, 'x') + "\r\na\r\n";
    CHECK(decode_every_way(BodyFraming::chunked(), many + "0\r\n\r\n").payload == "aaa");
  }
  SUBCASE("trailer bytes") {
    constexpr std::string_view body = "0\r\nX: y\r\n\r\n";
    CHECK(decode_every_way(BodyFraming::chunked(), body, 6).state == BodyState::done);
    CHECK(decode_every_way(BodyFraming::chunked(), body, 5).reject == Reject::trailer_too_large);
    CHECK(decode_every_way(BodyFraming::chunked(), body, 0).reject == Reject::trailer_too_large);
    CHECK(decode_every_way(BodyFraming::chunked(), "0\r\n\r\n", 0).state == BodyState::done);
  }
  SUBCASE("trailer fields") {
    std::string body = "0\r\n";
    for (std::size_t i = 0; i < limits::head_fields_max; ++i) body += "X: y\r\n";
    CHECK(decode_every_way(BodyFraming::chunked(), body + "\r\n").state == BodyState::done);
    CHECK(decode_every_way(BodyFraming::chunked(), body + "X: y\r\n\r\n").reject == Reject::too_many_fields);
  }
  SUBCASE("the largest size") {
    std::array<char, 8> trailers;
    ChunkedDecoder decoder(trailers);
    CHECK(decoder.step("7fffffffffffffff\r\n").state == BodyState::need_more);
    CHECK(decoder.chunk_remaining() == INT64_MAX);
  }
}

TEST_CASE("a decoder that refused or ended stays there") {
  std::array<char, 8> trailers;
  ChunkedDecoder refused(trailers);
  CHECK(refused.step("x").state == BodyState::rejected);
  CHECK(refused.step("0\r\n\r\n").reject == Reject::bad_chunk_size);
  CHECK(!refused.is_done());
  ChunkedDecoder ended(trailers);
  CHECK(ended.step("0\r\n\r\n").state == BodyState::done);
  CHECK(ended.step("0\r\n\r\n").state == BodyState::done);
  CHECK(ended.step("0\r\n\r\n").consumed == 0);
  CHECK(ended.is_done());
}

TEST_CASE("payload may be moved past a decoder") {
  std::array<char, 8> trailers;
  BodyDecoder chunked(BodyFraming::chunked(), trailers);
  CHECK(chunked.payload_remaining() == 0);
  CHECK(chunked.step("100\r\n").state == BodyState::need_more);
  CHECK(chunked.payload_remaining() == 256);
  CHECK(chunked.step("ab").data == "ab");
  CHECK(chunked.payload_remaining() == 254);
  chunked.advance(200);
  CHECK(chunked.payload_remaining() == 54);
  chunked.advance(54);
  CHECK(chunked.payload_remaining() == 0);
  CHECK(chunked.step("\r\n0\r\n\r\n").state == BodyState::done);

  BodyDecoder length(BodyFraming::of_length(10), trailers);
  CHECK(length.payload_remaining() == 10);
  length.advance(9);
  CHECK(!length.is_done());
  BodyStep last = length.step("xy");
  CHECK(last.state == BodyState::done);
  CHECK(last.data == "x");
  CHECK(last.consumed == 1);
  CHECK(length.is_done());
}

TEST_CASE("a body of known length") {
  Decoded out = decode_every_way(BodyFraming::of_length(5), "abcdefg");
  CHECK(out.state == BodyState::done);
  CHECK(out.payload == "abcde");
  CHECK(out.consumed == 5);
  CHECK(decode_every_way(BodyFraming::of_length(5), "abcd").state == BodyState::need_more);
  CHECK(decode_every_way(BodyFraming::of_length(0), "abcd").consumed == 0);
  for (const BodyFraming& framing : {BodyFraming::none(), BodyFraming::of_length(0)}) {
    BodyDecoder decoder(framing, {});
    CHECK(decoder.is_done());
    CHECK(decoder.ends_at_close());
    CHECK(decoder.step("").state == BodyState::done);
  }
  CHECK(!BodyDecoder(BodyFraming::of_length(1), {}).ends_at_close());
}

TEST_CASE("a body until the connection closes") {
  Decoded out = decode_every_way(BodyFraming::until_close(), "abc\r\n0\r\n\r\n");
  CHECK(out.payload == "abc\r\n0\r\n\r\n");
  CHECK(out.state != BodyState::done);
  BodyDecoder decoder(BodyFraming::until_close(), {});
  CHECK(decoder.ends_at_close());
  CHECK(!decoder.is_done());
  CHECK(decoder.payload_remaining() == UINT64_MAX);
}

TEST_CASE("trailers lose what they may not carry") {
  FieldList fields;
  constexpr std::string_view section =
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nGrpc-Status: 0\r\nAuthorization: x\r\n"
      "Connection: close\r\nTrailer: x\r\nX-Forwarded-For: 1.2.3.4\r\nX-Sum: 7 \r\nSet-Cookie: a=b\r\nContent-Type: "
      "a\r\n"
      "Cache-Control: no-store\r\nX-Request-ID: a\r\nExpect: 100-continue\r\nTE: x\r\nUpgrade: h2c\r\nVia: x\r\n";
  CHECK(parse_trailers(section, fields) == Reject::none);
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].name == "Grpc-Status");
  CHECK(fields[1].name == "X-Sum");
  CHECK(fields[1].value == "7");
  CHECK(parse_trailers("", fields) == Reject::none);
  CHECK(fields.is_empty());
  CHECK(parse_trailers("X : y\r\n", fields) == Reject::space_before_colon);
}

}  // namespace
}  // namespace sluice::http
