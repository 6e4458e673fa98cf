#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/list.hpp"

namespace sluice::runtime {

// What: something that is told when its time has come, unless disarmed before.
// Invariants: disarmed when destroyed.
class Timer {
 public:
  [[nodiscard]] bool is_armed() const { return hook_.is_linked(); }

 protected:
  ~Timer() = default;
  virtual void on_deadline() = 0;

 private:
  friend class Wheel;
  ListHook hook_;
  std::uint64_t tick_ = 0;
  std::uint8_t level_ = 0;
  std::uint8_t slot_ = 0;
};

// What: a hierarchical timing wheel (Varghese and Lauck 1987): five levels of 64 slots, a tick of 2^20 ns. Arming and
//       disarming cost a few nanoseconds, because every wait of every request does both.
// Shard: owned by one loop.
// Invariants: a timer never fires before its deadline, and at most one tick and one loop turn after it.
class Wheel {
 public:
  explicit Wheel(Instant start) : elapsed_(tick_of(start)) {}

  // deadline: at most 2^29 ticks (6 days) ahead; a later one is taken for that. The timer must not be armed.
  void arm(Timer& timer, Instant deadline);
  void disarm(Timer& timer);

  // Fires everything due at `now`.
  void advance(Instant now);

  // When advance has something to do next at the earliest; Instant::never() with nothing armed.
  [[nodiscard]] Instant next_expiry() const;

  [[nodiscard]] std::size_t armed() const { return armed_; }

 private:
  static constexpr unsigned tick_shift = 20;
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 1U << slot_bits;
  static constexpr unsigned levels = 5;
  // Half of what the top level spans, so that a far deadline never lands in the slot that is now.
  static constexpr std::uint64_t ticks_max = std::uint64_t{1} << (slot_bits * levels - 1);

  struct Expiry {
    unsigned level;
    unsigned slot;
    std::uint64_t tick;
  };

  [[nodiscard]] static std::uint64_t tick_of(Instant instant) {
    return static_cast<std::uint64_t>(instant.ns()) >> tick_shift;
  }
  void insert(Timer& timer);
  [[nodiscard]] bool find_next(Expiry& out) const;

  std::array<std::array<List<Timer, &Timer::hook_>, slots>, levels> lists_;
  std::array<std::uint64_t, levels> occupied_{};
  std::uint64_t elapsed_;
  std::size_t armed_ = 0;
};

}  // namespace sluice::runtime
