#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

// Time on CLOCK_MONOTONIC. Only runtime::kernel reads the clock; everyone else is handed an Instant.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_ns(std::int64_t ns) { return Instant(ns); }
  // Later than every deadline: "no deadline".
  static constexpr Instant never() { return Instant(INT64_MAX); }

  [[nodiscard]] constexpr std::int64_t ns() const { return ns_; }
  [[nodiscard]] constexpr bool is_never() const { return ns_ == INT64_MAX; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration(a.ns_ - b.ns_); }
  // Saturates at never().
  friend constexpr Instant operator+(Instant a, Duration d) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a.ns_, d.count(), &sum) ? never() : Instant(sum);
  }

 private:
  explicit constexpr Instant(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_ = 0;
};

}  // namespace sluice
