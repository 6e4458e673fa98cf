#include "http/h2_allowance.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sluice::http {
namespace {

struct Rate {
  std::uint32_t burst;
  std::uint32_t per_second;
};

// A browser that leaves a page resets all of its streams at once; gRPC measures the way with PING; a client that is
// sent much gives windows back for every frame (earn()); Chromium sends a frame of a reserved type now and then.
constexpr Rate rate_of(H2Flood kind) {
  switch (kind) {
    case H2Flood::resets:
      return {200, 50};
    case H2Flood::provoked_resets:
      return {100, 10};
    case H2Flood::settings:
      return {32, 2};
    case H2Flood::pings:
      return {500, 100};
    case H2Flood::priorities:
      return {500, 100};
    case H2Flood::window_updates:
      return {2000, 500};
    case H2Flood::empty_frames:
      return {50, 5};
    case H2Flood::unknown_frames:
      return {200, 50};
    default:
      return {0, 0};
  }
}

constexpr std::uint64_t unit = 1000;

}  // namespace

bool H2Allowances::spend(H2Flood kind, Instant now) {
  const Rate rate = rate_of(kind);
  SLUICE_ASSERT(rate.burst != 0);
  Account& account = accounts_[static_cast<std::size_t>(kind)];
  if (account.spent != 0) {
    // One unit each millisecond for every one in a second.
    const auto passed_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>((now - account.at).count(), 0)) / 1'000'000;
    if (passed_ms != 0) {
      account.spent -= std::min(account.spent, passed_ms * rate.per_second);
      account.at = now;
    }
  } else {
    account.at = now;
  }
  if (account.spent + unit > rate.burst * unit) return false;
  account.spent += unit;
  return true;
}

void H2Allowances::earn(H2Flood kind, std::uint32_t count) {
  Account& account = accounts_[static_cast<std::size_t>(kind)];
  account.spent -= std::min(account.spent, count * unit);
}

std::string_view to_string(H2Flood flood) noexcept {
  switch (flood) {
    case H2Flood::none:
      return "none";
    case H2Flood::resets:
      return "resets";
    case H2Flood::provoked_resets:
      return "provoked_resets";
    case H2Flood::settings:
      return "settings";
    case H2Flood::pings:
      return "pings";
    case H2Flood::priorities:
      return "priorities";
    case H2Flood::window_updates:
      return "window_updates";
    case H2Flood::empty_frames:
      return "empty_frames";
    case H2Flood::unknown_frames:
      return "unknown_frames";
    case H2Flood::continuations:
      return "continuations";
    case H2Flood::header_list:
      return "header_list";
    case H2Flood::acknowledgements:
      return "acknowledgements";
  }
  return "unknown";
}

}  // namespace sluice::http
