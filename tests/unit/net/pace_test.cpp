#include "net/pace.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice::net {
namespace {

using namespace std::chrono_literals;

TEST_CASE("without a rate nobody is slow, and no wait is cut") {
  Pace pace(0, 10s);
  pace.note_wait(1h);
  CHECK_FALSE(pace.has_fallen_behind());
  CHECK(pace.deadline(Instant() + 5s, Instant::never()).is_never());
}

TEST_CASE("a window is judged when the waits of it have summed up, by the bytes of it") {
  struct Row {
    Duration waits[3];
    std::uint64_t bytes[3];
    bool is_behind;
  };
  // 100 bytes a second, over 10 seconds.
  const Row rows[] = {
      {{1s, 1s, 7s}, {0, 0, 0}, false},           // not a whole window yet
      {{5s, 4s, 1s}, {500, 499, 1}, false},       // exactly enough
      {{5s, 4s, 1s}, {500, 499, 0}, true},        // one byte short
      {{10s, 0s, 0s}, {0, 0, 0}, true},           // nothing at all
      {{10s, 0s, 0s}, {1000, 0, 0}, false},       // all at once
      {{20s, 0s, 0s}, {1000, 0, 0}, true},        // a longer wait asks for more
      {{10s, 10s, 0s}, {100'000, 0, 0}, true},    // the next window begins with nothing
      {{10s, 9s, 0s}, {100'000, 0, 0}, false},    // and is not over yet
      {{10s, 9s, 1s}, {100'000, 0, 1000}, false}  // and may be made up for
  };
  for (const Row& row : rows) {
    Pace pace(100, 10s);
    bool is_behind = false;
    for (int i = 0; i < 3; ++i) {
      pace.note_wait(row.waits[i]);
      pace.note_bytes(row.bytes[i]);
      is_behind = pace.has_fallen_behind();
    }
    CHECK(is_behind == row.is_behind);
  }
}

TEST_CASE("who has fallen behind stays so") {
  Pace pace(100, 10s);
  pace.note_wait(10s);
  CHECK(pace.has_fallen_behind());
  pace.note_bytes(1'000'000);
  CHECK(pace.has_fallen_behind());
}

TEST_CASE("a wait lasts to the end of the window, unless something else ends it before") {
  Pace pace(100, 10s);
  const Instant now = Instant() + 100s;
  CHECK(pace.deadline(now, Instant::never()) == now + 10s);
  CHECK(pace.deadline(now, now + 3s) == now + 3s);
  pace.note_wait(4s);
  CHECK(pace.deadline(now, Instant::never()) == now + 6s);
}

}  // namespace
}  // namespace sluice::net
