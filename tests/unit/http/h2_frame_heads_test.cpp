#include "http/h2_frame_heads.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "h2_client.hpp"

namespace sluice::http {
namespace {

struct Seen {
  std::string heads;
  std::size_t allowed = 0;
};

// Walks over the bytes in pieces of `step`, and stops at a head of type `last`.
Seen walk(std::string_view bytes, std::size_t step, std::uint8_t last) {
  H2FrameHeads heads;
  Seen seen;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    const std::size_t allowed = heads.run(piece, [&](const H2FrameHead& head) {
      seen.heads +=
          std::to_string(head.type) + ":" + std::to_string(head.flags) + ":" + std::to_string(head.bytes) + " ";
      return head.type != last;
    });
    seen.allowed += allowed;
    if (allowed != piece.size()) break;
    bytes.remove_prefix(piece.size());
  }
  return seen;
}

TEST_CASE("http: the heads of frames, however they are cut") {
  const std::string before = h2::preface("123456") + h2::frame(h2::data, 1, 3, std::string(70'000, 'x')) +
                             h2::frame(h2::ping, 0, 0, "") + h2::frame(0xff, 0xfe, 0x7fffffff, "y");
  const std::string bytes = before + h2::frame(h2::goaway, 0, 0, "12345678") + h2::frame(h2::ping, 0, 0, "z");
  for (std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{9}, std::size_t{33}, std::size_t{65536}, bytes.size()}) {
    CAPTURE(step);
    CHECK(walk(bytes, step, 0x77).heads == "4:0:6 0:1:70000 6:0:0 255:254:1 7:0:8 6:0:1 ");
    CHECK(walk(bytes, step, 0x77).allowed == bytes.size());
    const Seen stopped = walk(bytes, step, h2::goaway);
    CHECK(stopped.heads == "4:0:6 0:1:70000 6:0:0 255:254:1 7:0:8 ");
    // As far as the frame before, or into the head where that came in pieces.
    CHECK(stopped.allowed >= before.size());
    CHECK(stopped.allowed < before.size() + 9);
  }
}

}  // namespace
}  // namespace sluice::http
