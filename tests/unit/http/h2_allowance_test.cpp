#include <doctest/doctest.h>

#include <string>

#include "http/h2_allowance.hpp"
#include "http/h2_error.hpp"
#include "http/h2_memory.hpp"
#include "http/h2_stream.hpp"

namespace sluice::http {
namespace {

constexpr Instant at_ms(std::int64_t ms) { return Instant::from_ns(ms * 1'000'000); }

std::size_t spend_all(H2Allowances& allowances, H2Flood kind, Instant now) {
  std::size_t count = 0;
  while (allowances.spend(kind, now)) ++count;
  return count;
}

constexpr H2Flood rated[] = {H2Flood::resets,       H2Flood::provoked_resets, H2Flood::settings,
                             H2Flood::pings,        H2Flood::priorities,      H2Flood::window_updates,
                             H2Flood::empty_frames, H2Flood::unknown_frames};

TEST_CASE("http: an allowance is a burst and a rate") {
  for (H2Flood kind : rated) {
    CAPTURE(to_string(kind));
    H2Allowances allowances;
    const std::size_t burst = spend_all(allowances, kind, at_ms(5));
    CHECK(burst >= 32);
    CHECK(burst <= 2000);
    CHECK_FALSE(allowances.spend(kind, at_ms(5)));
    // Half a second gives half a second's worth, in whatever steps it is looked at.
    std::size_t later = 0;
    for (int ms = 6; ms <= 505; ++ms) later += spend_all(allowances, kind, at_ms(ms));
    std::size_t whole = 0;
    H2Allowances again;
    (void)spend_all(again, kind, at_ms(5));
    whole = spend_all(again, kind, at_ms(505));
    CHECK(later == whole);
    CHECK(later >= 1);
    // A long rest gives the burst, and no more.
    CHECK(spend_all(allowances, kind, at_ms(100'000'000)) == burst);
  }
}

TEST_CASE("http: allowances do not touch each other, and time that runs back gives nothing") {
  H2Allowances allowances;
  (void)spend_all(allowances, H2Flood::pings, at_ms(1000));
  CHECK_FALSE(allowances.spend(H2Flood::pings, at_ms(0)));
  CHECK(allowances.spend(H2Flood::resets, at_ms(1000)));
}

TEST_CASE("http: what was earned can be spent, up to the burst") {
  H2Allowances allowances;
  const std::size_t burst = spend_all(allowances, H2Flood::window_updates, at_ms(0));
  allowances.earn(H2Flood::window_updates, 7);
  CHECK(spend_all(allowances, H2Flood::window_updates, at_ms(0)) == 7);
  allowances.earn(H2Flood::window_updates, 1'000'000);
  CHECK(spend_all(allowances, H2Flood::window_updates, at_ms(0)) == burst);
}

TEST_CASE("http: memory of a session is bounded, and given back") {
  H2Memory memory(1000);
  void* first = memory.allocate(400);
  REQUIRE(first != nullptr);
  CHECK(memory.allocate(600) == nullptr);
  CHECK(memory.allocate(SIZE_MAX) == nullptr);
  CHECK(memory.resize(first, 900) == nullptr);
  CHECK(memory.bytes_out() >= 400);
  std::memset(first, 'x', 400);
  memory.release(nullptr);
  void* second = memory.resize(nullptr, 100);
  REQUIRE(second != nullptr);
  std::memset(second, 'y', 100);
  second = memory.resize(second, 300);
  REQUIRE(second != nullptr);
  CHECK(static_cast<char*>(second)[99] == 'y');
  memory.release(first);
  memory.release(second);
  CHECK(memory.bytes_out() == 0);
}

TEST_CASE("http: bytes of a body come out as they went in") {
  H2Bytes bytes;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 17), static_cast<char>('a' + i % 26));
    bytes.append(piece);
    expected += piece;
  }
  CHECK(bytes.size() == expected.size());
  std::string seen;
  std::size_t step = 1;
  while (bytes.size() != 0) {
    const std::string_view front = bytes.front();
    REQUIRE_FALSE(front.empty());
    const std::size_t count = std::min(front.size(), step);
    seen += front.substr(0, count);
    bytes.consume(count);
    step = step * 2 % 5003;
  }
  CHECK(seen == expected);
  CHECK(bytes.front().empty());
  bytes.append("rest");
  CHECK(bytes.front() == "rest");
}

TEST_CASE("http: codes and floods have names") {
  for (std::uint32_t code = 0; code <= 13; ++code) CHECK(to_string(static_cast<H2Error>(code)) != "unknown");
  CHECK(to_string(static_cast<H2Error>(14)) == "unknown");
  for (std::size_t i = 0; i < h2_flood_count; ++i) CHECK(to_string(static_cast<H2Flood>(i)) != "unknown");
}

}  // namespace
}  // namespace sluice::http
