#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::net {

// What: the least rate at which a peer has to send to us, or to take from us. Only the time that we spend waiting for
// it
//       counts, so one that waits for somebody else itself is not slow. Looked at once for each `window` of waiting,
//       which forgives a pause that is made up for.
// Shard: one; a value.
class Pace {
 public:
  // bytes_per_second: 0: any rate will do.
  Pace(std::uint64_t bytes_per_second, Duration window) : bytes_per_second_(bytes_per_second), window_(window) {}

  // Until when a wait that begins now may last, if nothing else ends it before `otherwise`.
  [[nodiscard]] Instant deadline(Instant now, Instant otherwise) const {
    return bytes_per_second_ == 0 ? otherwise : std::min(otherwise, now + (window_ - waited_));
  }
  void note_wait(Duration waited) { waited_ += waited; }
  void note_bytes(std::uint64_t bytes) { bytes_ += bytes; }
  // Whether the last window was too slow. Asked before each wait, when the bytes of the one before have been noted.
  [[nodiscard]] bool has_fallen_behind() {
    if (bytes_per_second_ == 0 || waited_ < window_) return has_fallen_behind_;
    const double seconds = std::chrono::duration<double>(waited_).count();
    if (static_cast<double>(bytes_) < static_cast<double>(bytes_per_second_) * seconds) has_fallen_behind_ = true;
    waited_ = Duration(0);
    bytes_ = 0;
    return has_fallen_behind_;
  }

 private:
  std::uint64_t bytes_per_second_;
  Duration window_;
  Duration waited_{0};
  std::uint64_t bytes_ = 0;
  bool has_fallen_behind_ = false;
};

}  // namespace sluice::net
