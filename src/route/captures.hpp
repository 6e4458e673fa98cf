#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/assert.hpp"

namespace sluice::route {

// What: the parts of a path that the `{name}` segments of a route, or the groups of its expression, stand for.
// Lifetime: its views live as long as the path.
class Captures {
 public:
  static constexpr std::size_t count_max = 16;

  void add(std::string_view part) {
    SLUICE_ASSERT(count_ < count_max);
    parts_[count_++] = part;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string_view operator[](std::size_t i) const {
    SLUICE_ASSERT(i < count_);
    return parts_[i];
  }

 private:
  std::array<std::string_view, count_max> parts_;
  std::size_t count_ = 0;
};

}  // namespace sluice::route
