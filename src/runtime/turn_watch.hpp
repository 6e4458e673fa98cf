#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "runtime/activity.hpp"

namespace sluice::runtime {

// What: sees from another thread that one turn of a loop takes too long, and what it does meanwhile.
// Shard: none; the thread that watches.
// Lifetime: within that of the loop.
// Invariants: a turn is reported once, and once more when it has ended.
class TurnWatch {
 public:
  // bound: how long a turn may take.
  TurnWatch(const Activity& activity, Duration bound) : activity_(activity), bound_(bound) {}

  // News of the loop, as the end of a sentence that begins with its name. To be asked a few times in every `bound`.
  [[nodiscard]] std::optional<std::string> look(Instant now);
  // Turns that were reported.
  [[nodiscard]] std::uint64_t reports() const { return reports_; }

 private:
  const Activity& activity_;
  Duration bound_;
  std::int64_t reported_ns_ = 0;  // when the turn began that has been reported and not yet ended
  std::uint64_t reports_ = 0;
};

}  // namespace sluice::runtime
