#include "runtime/wheel.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace sluice::runtime {

void Wheel::arm(Timer& timer, Instant deadline) {
  // Rounded up, so that nothing fires early.
  std::uint64_t tick = tick_of(deadline) + 1;
  timer.tick_ = std::clamp(tick, elapsed_ + 1, elapsed_ + ticks_max);
  insert(timer);
  ++armed_;
}

void Wheel::insert(Timer& timer) {
  // The level is that of the highest digit (base 64) in which the tick differs from now.
  std::uint64_t difference = (timer.tick_ ^ elapsed_) | (slots - 1);
  unsigned level = (63U - static_cast<unsigned>(std::countl_zero(difference))) / slot_bits;
  if (level >= levels) level = levels - 1;
  unsigned slot = static_cast<unsigned>(timer.tick_ >> (level * slot_bits)) & (slots - 1);
  timer.level_ = static_cast<std::uint8_t>(level);
  timer.slot_ = static_cast<std::uint8_t>(slot);
  lists_[level][slot].push_back(timer);
  occupied_[level] |= std::uint64_t{1} << slot;
}

void Wheel::disarm(Timer& timer) {
  SLUICE_ASSERT(timer.is_armed());
  timer.hook_.unlink();
  --armed_;
  if (lists_[timer.level_][timer.slot_].is_empty()) occupied_[timer.level_] &= ~(std::uint64_t{1} << timer.slot_);
}

bool Wheel::find_next(Expiry& out) const {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    unsigned shift = level * slot_bits;
    unsigned now_slot = static_cast<unsigned>(elapsed_ >> shift) & (slots - 1);
    unsigned ahead = static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[level], static_cast<int>(now_slot))));
    unsigned slot = (now_slot + ahead) & (slots - 1);
    std::uint64_t range = std::uint64_t{1} << (shift + slot_bits);
    std::uint64_t tick = (elapsed_ & ~(range - 1)) + (std::uint64_t{slot} << shift);
    if (slot < now_slot) tick += range;  // only on the top level, which wraps
    out = {level, slot, std::max(tick, elapsed_)};
    return true;
  }
  return false;
}

Instant Wheel::next_expiry() const {
  Expiry next{};
  if (!find_next(next)) return Instant::never();
  return Instant::from_ns(static_cast<std::int64_t>(next.tick << tick_shift));
}

void Wheel::advance(Instant now) {
  const std::uint64_t target = tick_of(now);
  Expiry next{};
  while (find_next(next) && next.tick <= target) {
    elapsed_ = next.tick;
    List<Timer, &Timer::hook_> due;
    due.splice_back(lists_[next.level][next.slot]);
    occupied_[next.level] &= ~(std::uint64_t{1} << next.slot);
    // Firing may disarm others that are due: they unlink themselves from `due`.
    while (Timer* timer = due.pop_front()) {
      if (timer->tick_ > elapsed_) {
        insert(*timer);
      } else {
        --armed_;
        timer->on_deadline();
      }
    }
  }
  elapsed_ = std::max(elapsed_, target);
}

}  // namespace sluice::runtime
