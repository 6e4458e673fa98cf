#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::load {

std::uint64_t Histogram::clamped(Duration duration) {
  return static_cast<std::uint64_t>(std::clamp(duration, Duration(0), longest()).count());
}

// Below 128 each value has a bucket of its own. Above, octave n (1: 128 to 255, 2: 256 to 511 ...) has 128 of them.
std::size_t Histogram::bucket_of(std::uint64_t ns) {
  if (ns < per_octave) return ns;
  const auto octave = static_cast<unsigned>(std::bit_width(ns)) - precision_bits;
  const std::uint64_t place = ns >> (octave - 1) & (per_octave - 1);
  return octave * per_octave + place;
}

std::uint64_t Histogram::bottom_of(std::size_t bucket) {
  const std::size_t octave = bucket / per_octave;
  const std::uint64_t place = bucket % per_octave;
  return octave == 0 ? place : (per_octave + place) << (octave - 1);
}

std::uint64_t Histogram::top_of(std::size_t bucket) { return bottom_of(bucket + 1) - 1; }

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < bucket_count; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  largest_ns_ = std::max(largest_ns_, other.largest_ns_);
  smallest_ns_ = std::min(smallest_ns_, other.smallest_ns_);
}

Duration Histogram::percentile(double percent) const {
  if (count_ == 0) return Duration(0);
  const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
  // The rounding of the multiplication must not ask for one more: 0.999 * 1000 is 999.
  const double exact = share * static_cast<double>(count_);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(exact - 1e-9 * exact)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return Duration(std::min(top_of(i), largest_ns_));
  }
  return largest();
}

Duration Histogram::deviation() const {
  if (count_ == 0) return Duration(0);
  const auto average = static_cast<double>(sum_ns_) / static_cast<double>(count_);
  double squares = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    if (buckets_[i] == 0) continue;
    const double middle = (static_cast<double>(bottom_of(i)) + static_cast<double>(top_of(i))) / 2;
    squares += (middle - average) * (middle - average) * static_cast<double>(buckets_[i]);
  }
  return Duration(std::llround(std::sqrt(squares / static_cast<double>(count_))));
}

}  // namespace sluice::load
