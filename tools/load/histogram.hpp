#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::load {

// What: how long things took: buckets that are linear within each power of two (as HdrHistogram has them), so that the
//       relative error is the same everywhere and adding costs a few instructions.
// Shard: a value, one thread's.
// Invariants: a percentile is never below the true value, and less than 1/128 of it above; the largest is exact. What
// is longer
//             than longest() counts as that; its sum and maximum too.
class Histogram {
 public:
  static constexpr unsigned precision_bits = 7;
  static constexpr unsigned octaves = 36;  // behind the exact ones: up to 2.4 hours
  [[nodiscard]] static constexpr Duration longest() {
    return Duration((std::int64_t{1} << (precision_bits + octaves)) - 1);
  }

  // duration: a negative one counts as 0.
  void add(Duration duration) {
    const std::uint64_t ns = clamped(duration);
    ++buckets_[bucket_of(ns)];
    ++count_;
    sum_ns_ += ns;
    if (ns > largest_ns_) largest_ns_ = ns;
    if (ns < smallest_ns_) smallest_ns_ = ns;
  }
  void add(const Histogram& other);
  void clear() { *this = Histogram(); }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // All of these are 0 while it is empty.
  [[nodiscard]] Duration smallest() const { return Duration(count_ == 0 ? 0 : smallest_ns_); }
  [[nodiscard]] Duration largest() const { return Duration(largest_ns_); }
  [[nodiscard]] Duration mean() const { return Duration(count_ == 0 ? 0 : sum_ns_ / count_); }
  [[nodiscard]] Duration deviation() const;  // standard, of the buckets' middles
  // What `percent` (0 to 100) of all are at most.
  [[nodiscard]] Duration percentile(double percent) const;

 private:
  static constexpr std::size_t per_octave = std::size_t{1} << precision_bits;
  static constexpr std::size_t bucket_count = per_octave * (octaves + 1);

  [[nodiscard]] static std::uint64_t clamped(Duration duration);
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t ns);
  // The largest value that falls into a bucket, and the smallest.
  [[nodiscard]] static std::uint64_t top_of(std::size_t bucket);
  [[nodiscard]] static std::uint64_t bottom_of(std::size_t bucket);

  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t largest_ns_ = 0;
  std::uint64_t smallest_ns_ = UINT64_MAX;
};

}  // namespace sluice::load
