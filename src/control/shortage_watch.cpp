#include "control/shortage_watch.hpp"

namespace sluice::control {

ShortageWatch::News ShortageWatch::look(std::uint64_t count, Instant now) {
  if (count != seen_) {
    const std::uint64_t before = seen_;
    seen_ = count;
    moved_at_ = now;
    if (is_short_) return News::none;
    is_short_ = true;
    at_begin_ = before;
    return News::begins;
  }
  if (!is_short_ || now - moved_at_ < calm) return News::none;
  is_short_ = false;
  return News::is_over;
}

std::string_view to_string(ShortageWatch::News news) noexcept {
  switch (news) {
    case ShortageWatch::News::none:
      return "none";
    case ShortageWatch::News::begins:
      return "begins";
    case ShortageWatch::News::is_over:
      return "is_over";
  }
  return "?";
}

}  // namespace sluice::control
