#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace sluice::http {

// What a peer can send much of at little cost to itself and more to us.
enum class H2Flood : std::uint8_t {
  none,
  resets,           // RST_STREAM from the peer: rapid reset
  provoked_resets,  // RST_STREAM that the peer's own faults make us send
  settings,         // each is answered
  pings,            // likewise
  priorities,       // PRIORITY and PRIORITY_UPDATE
  window_updates,
  empty_frames,      // DATA without payload and without END_STREAM, padded or not; empty pieces of a header block
  unknown_frames,    // of types that we ignore
  continuations,     // in one header block
  header_list,       // a header block that unfolds to far more than a head may have
  acknowledgements,  // answers that wait, because the peer does not read them
};
inline constexpr std::size_t h2_flood_count = static_cast<std::size_t>(H2Flood::acknowledgements) + 1;
[[nodiscard]] std::string_view to_string(H2Flood flood) noexcept;

// What: how much of each the peer of one connection may still send: a burst, and so many in each second behind it. Far
//       above what clients do, far below what costs.
// Shard: one; a value.
// Invariants: no allowance is above its burst.
class H2Allowances {
 public:
  // kind: one of those with a rate, `resets` to `unknown_frames`. False: the peer has sent too much of it.
  [[nodiscard]] bool spend(H2Flood kind, Instant now);
  // The peer may send `count` more of a kind than its rate allows, because we gave it reason to.
  void earn(H2Flood kind, std::uint32_t count);

 private:
  static constexpr std::size_t rated = static_cast<std::size_t>(H2Flood::unknown_frames) + 1;
  struct Account {
    std::uint64_t spent = 0;  // in thousandths
    Instant at;
  };
  std::array<Account, rated> accounts_;
};

}  // namespace sluice::http
