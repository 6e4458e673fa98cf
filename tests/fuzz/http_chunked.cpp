// Chunked bodies. The first byte of the input seeds the cuts, the second one bounds the trailers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "http/body.hpp"
#include "http/writer.hpp"
#include "http_forwarding.hpp"

namespace sluice::http {
namespace {

struct Decoded {
  BodyState state = BodyState::need_more;
  Reject reject = Reject::none;
  std::size_t consumed = 0;
  std::string payload;
  std::string trailers;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Feeds one piece; returns false when the body is over.
bool feed(ChunkedDecoder& decoder, std::string_view piece, Decoded& out) {
  while (true) {
    const std::uint64_t remaining = decoder.chunk_remaining();
    BodyStep step = decoder.step(piece);
    SLUICE_ASSERT(step.consumed <= piece.size());
    SLUICE_ASSERT(fuzz::is_inside(step.data, piece));
    SLUICE_ASSERT(remaining == 0 || step.data.size() <= remaining);
    out.state = step.state;
    out.reject = step.reject;
    out.consumed += step.consumed;
    out.payload += step.data;
    piece.remove_prefix(step.consumed);
    if (step.state == BodyState::data) {
      SLUICE_ASSERT(!step.data.empty());
      continue;
    }
    if (step.state == BodyState::need_more) SLUICE_ASSERT(piece.empty());
    return step.state == BodyState::need_more;
  }
}

// piece_max 0: everything at once.
Decoded decode(std::string_view bytes, std::size_t trailer_bytes, std::size_t piece_max, Random& random) {
  std::vector<char> trailers(trailer_bytes);
  ChunkedDecoder decoder(trailers);
  Decoded out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::size_t size = bytes.size() - at;
    if (piece_max != 0) size = std::min<std::size_t>(size, random.below(piece_max) + 1);
    const std::vector<char> piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    if (!feed(decoder, {piece.data(), piece.size()}, out)) break;
    at += size;
  }
  SLUICE_ASSERT(decoder.is_done() == (out.state == BodyState::done));
  if (decoder.is_done()) out.trailers = decoder.trailer_section();
  return out;
}

std::string encode(const Decoded& body, const FieldList& trailers) {
  std::vector<char> room(body.payload.size() + 2 * body.trailers.size() + 64);
  Writer out(room);
  if (!body.payload.empty()) {
    write_chunk_begin(out, body.payload.size());
    out.append(body.payload);
    write_chunk_end(out);
  }
  write_last_chunk(out, trailers);
  SLUICE_ASSERT(!out.overflowed());
  return std::string(out.text());
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice;
  using namespace sluice::http;
  if (size < 2) return 0;
  Random random(input[0]);
  const std::size_t trailer_bytes = input[1] * std::size_t{8};
  const std::string_view bytes(reinterpret_cast<const char*>(input) + 2, size - 2);
  const Decoded whole = decode(bytes, trailer_bytes, 0, random);
  SLUICE_ASSERT(decode(bytes, trailer_bytes, 1, random) == whole);
  SLUICE_ASSERT(decode(bytes, trailer_bytes, 1 + random.below(64), random) == whole);
  if (whole.state != BodyState::done) return 0;

  FieldList trailers;
  SLUICE_ASSERT(parse_trailers(whole.trailers, trailers) == Reject::none);
  const std::string again = encode(whole, trailers);
  const Decoded copy = decode(again, again.size(), 0, random);
  SLUICE_ASSERT(copy.state == BodyState::done && copy.consumed == again.size());
  SLUICE_ASSERT(copy.payload == whole.payload);
  FieldList copied;
  SLUICE_ASSERT(parse_trailers(copy.trailers, copied) == Reject::none);
  SLUICE_ASSERT(copied.size() == trailers.size());
  for (std::size_t i = 0; i < copied.size(); ++i) {
    SLUICE_ASSERT(copied[i].name == trailers[i].name && copied[i].value == trailers[i].value);
  }
  return 0;
}
