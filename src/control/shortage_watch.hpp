#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace sluice::control {

// What: turns a counter of shortages into two lines for the operator, one when a time of shortage begins and one when
// it
//       is over, however often the counter moves in between.
// Invariants: a time of shortage is over when the counter has stood still for `calm`.
class ShortageWatch {
 public:
  enum class News : std::uint8_t { none, begins, is_over };

  static constexpr Duration calm = std::chrono::seconds(10);

  // count: what the counter says now.
  [[nodiscard]] News look(std::uint64_t count, Instant now);
  // Shortages since it began last.
  [[nodiscard]] std::uint64_t since_begin() const { return seen_ - at_begin_; }

 private:
  std::uint64_t seen_ = 0;
  std::uint64_t at_begin_ = 0;
  Instant moved_at_;
  bool is_short_ = false;
};

[[nodiscard]] std::string_view to_string(ShortageWatch::News news) noexcept;

}  // namespace sluice::control
