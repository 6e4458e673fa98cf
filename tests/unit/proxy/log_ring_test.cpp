#include "proxy/log_ring.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "base/random.hpp"

namespace sluice::proxy {
namespace {

std::string take_all(LogRing& ring) {
  auto [first, second] = ring.peek();
  std::string text = std::string(first) + std::string(second);
  ring.pop(text.size());
  return text;
}

bool push(LogRing& ring, std::string_view line) {
  bool is_half_full = false;
  return ring.push(line, is_half_full);
}

TEST_CASE("lines come out as they went in") {
  LogRing ring(64);
  CHECK(ring.capacity() == 64);
  CHECK(take_all(ring).empty());
  CHECK(push(ring, "one\n"));
  CHECK(push(ring, "two\n"));
  CHECK(take_all(ring) == "one\ntwo\n");
  CHECK(take_all(ring).empty());
}

TEST_CASE("a line that does not fit is refused whole") {
  LogRing ring(64);
  CHECK_FALSE(push(ring, std::string(65, 'x')));
  CHECK(push(ring, std::string(64, 'a')));
  CHECK_FALSE(push(ring, "b"));
  ring.pop(1);
  CHECK_FALSE(push(ring, "bb"));
  CHECK(push(ring, "b"));
  CHECK(take_all(ring) == std::string(63, 'a') + "b");
  CHECK(push(ring, std::string(60, 'c')));
  CHECK_FALSE(push(ring, "12345"));
  CHECK(push(ring, "1234"));
  CHECK(take_all(ring) == std::string(60, 'c') + "1234");
}

TEST_CASE("lines wrap around at every place") {
  for (std::size_t length = 1; length <= 16; ++length) {
    LogRing ring(16);
    for (int i = 0; i < 100; ++i) {
      std::string line(length, static_cast<char>('a' + i % 26));
      REQUIRE(push(ring, line));
      auto [first, second] = ring.peek();
      REQUIRE(first.size() + second.size() == length);
      REQUIRE_FALSE(first.empty());
      REQUIRE(take_all(ring) == line);
    }
  }
}

bool make_in_place(LogRing& ring, std::string_view line) {
  std::span<char> room = ring.room();
  REQUIRE(room.size() >= line.size());
  std::ranges::copy(line, room.begin());
  return ring.commit(line.size());
}

TEST_CASE("a line can be made in place, in what is free in front of the wrap") {
  LogRing ring(64);
  CHECK(ring.room().size() == 64);
  CHECK_FALSE(make_in_place(ring, "one\n"));
  CHECK(ring.room().size() == 60);
  CHECK(make_in_place(ring, std::string(36, 'x')));  // past the half
  CHECK(ring.room().size() == 24);
  CHECK_FALSE(make_in_place(ring, ""));
  CHECK(take_all(ring) == "one\n" + std::string(36, 'x'));
  CHECK(ring.room().size() == 24);  // the rest of the memory is behind the wrap
  CHECK(push(ring, std::string(30, 'y')));
  CHECK(ring.room().size() == 34);
  ring.pop(30);
  CHECK(ring.room().size() == 58);
  CHECK(push(ring, std::string(64, 'z')));
  CHECK(ring.room().empty());
  CHECK(take_all(ring) == std::string(64, 'z'));
}

TEST_CASE("what is read a part at a time stays in order") {
  LogRing ring(64);
  CHECK(push(ring, "abcdefgh"));
  ring.pop(3);
  CHECK(push(ring, "ijk"));
  CHECK(take_all(ring) == "defghijk");
}

TEST_CASE("the reader is called once for each half") {
  LogRing ring(64);
  int calls = 0;
  for (int i = 0; i < 64; ++i) {  // 512 bytes: sixteen halves
    bool is_half_full = false;
    REQUIRE(ring.push("12345678", is_half_full));
    calls += is_half_full ? 1 : 0;
    ring.pop(8);
  }
  CHECK(calls == 16);
}

TEST_CASE("between two threads every accepted line arrives, whole and in order") {
  LogRing ring(256);
  constexpr int lines = 5'000;
  std::atomic<bool> is_done{false};
  int accepted = 0;
  std::thread writer([&] {
    Random random(1);
    for (int i = 0; i < lines; ++i) {
      std::string line = std::to_string(accepted) + std::string(random.below(40), 'x') + "\n";
      if (push(ring, line)) {
        ++accepted;
      } else {
        std::this_thread::yield();
      }
    }
    is_done.store(true, std::memory_order_release);
  });
  std::string text;
  for (bool is_last = false; !is_last;) {
    is_last = is_done.load(std::memory_order_acquire);
    const std::string more = take_all(ring);
    text += more;
    if (more.empty()) std::this_thread::yield();
  }
  writer.join();
  CHECK(accepted > 0);
  int expected = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t end = rest.find('\n');
    REQUIRE(end != std::string_view::npos);
    std::string_view line = rest.substr(0, end);
    std::string number = std::to_string(expected++);
    REQUIRE(line.starts_with(number));
    REQUIRE(line.find_first_not_of('x', number.size()) == std::string_view::npos);
    rest.remove_prefix(end + 1);
  }
  CHECK(expected == accepted);
}

}  // namespace
}  // namespace sluice::proxy
