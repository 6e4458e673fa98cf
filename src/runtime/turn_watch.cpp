#include "runtime/turn_watch.hpp"

#include <fmt/format.h>

#include <utility>

namespace sluice::runtime {

namespace {

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

std::string describe(const Activity& activity) {
  const char* kind = activity.kind.load(std::memory_order_relaxed);
  const char* phase = activity.phase.load(std::memory_order_relaxed);
  if (kind != nullptr && phase != nullptr) return fmt::format("running \"{}\" in the phase \"{}\"", kind, phase);
  return fmt::format("at \"{}\"", activity.stage.load(std::memory_order_relaxed));
}

}  // namespace

std::optional<std::string> TurnWatch::look(Instant now) {
  const std::int64_t since = activity_.busy_since_ns.load(std::memory_order_acquire);
  if (reported_ns_ != 0) {
    if (since == reported_ns_) return std::nullopt;
    return fmt::format("goes on: that turn took about {:.3f} s", seconds(now.ns() - std::exchange(reported_ns_, 0)));
  }
  if (since == 0 || now.ns() - since < bound_.count()) return std::nullopt;
  std::string doing = describe(activity_);
  // It may have come back while we looked; then what was read is of another turn.
  if (activity_.busy_since_ns.load(std::memory_order_acquire) != since) return std::nullopt;
  reported_ns_ = since;
  ++reports_;
  return fmt::format("has been in one turn of its loop for {:.3f} s, {}", seconds(now.ns() - since), doing);
}

}  // namespace sluice::runtime
