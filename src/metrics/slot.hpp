#pragma once

#include <cstdint>

namespace sluice::metrics {

// Where an identity (a listener, a route, ...) counts: a place in the arrays of its family, and how often that place
// has changed hands. The place is given to another identity only with a higher number, so that what somebody still
// counts for the identity before it does not become the other one's. The first number is 1: a slot that nobody assigned
// has 0.
struct Slot {
  std::uint32_t index = 0;
  std::uint32_t reuse = 0;

  friend bool operator==(const Slot&, const Slot&) = default;
};

// Identities that one family can have at a time; what is beyond is not counted.
inline constexpr std::uint32_t slots_max = 256 * 1024;

}  // namespace sluice::metrics
