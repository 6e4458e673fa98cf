#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "base/assert.hpp"
#include "metrics/counter.hpp"
#include "metrics/slot.hpp"

namespace sluice::metrics {

// What: what one shard counts for the identities of one family: a struct of Counters for each slot, in chunks that are
//       made when one of their slots is first used.
// Shard: at() from the owner, find() from any thread.
// Lifetime: outlives the shard, so that its last counts can be read.
// Invariants: a chunk stays where it is. The cells of a slot are those of the identity whose reuse number stands beside
//             them; it only rises, and the counts are zero before it does.
template <class Cells>
class SlotArray {
  // They can be taken for an array of counters, and that is how they are cleared.
  static_assert(std::is_standard_layout_v<Cells> && sizeof(Cells) % sizeof(Counter) == 0 &&
                alignof(Cells) == alignof(Counter));

 public:
  SlotArray() = default;
  SlotArray(const SlotArray&) = delete;
  SlotArray& operator=(const SlotArray&) = delete;
  ~SlotArray() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  // The cells of an identity; where its slot belongs to a later one by now, cells that nobody reads. Not to be kept:
  // the slot may change hands with any later call.
  [[nodiscard]] Cells& at(Slot slot) {
    SLUICE_ASSERT(slot.index < slots_max);
    Chunk* chunk = chunks_[slot.index / chunk_slots].load(std::memory_order_relaxed);
    if (chunk == nullptr) [[unlikely]]
      chunk = add_chunk(slot.index / chunk_slots);
    Entry& entry = (*chunk)[slot.index % chunk_slots];
    if (entry.reuse.load(std::memory_order_relaxed) != slot.reuse) [[unlikely]]
      return take_over(entry, slot.reuse);
    return entry.cells;
  }

  // Null where this shard has counted nothing for the identity.
  [[nodiscard]] const Cells* find(Slot slot) const {
    const Chunk* chunk = chunks_[slot.index / chunk_slots].load(std::memory_order_acquire);
    if (chunk == nullptr) return nullptr;
    const Entry& entry = (*chunk)[slot.index % chunk_slots];
    // acquire: whoever sees the number sees counts that began at zero after it.
    return entry.reuse.load(std::memory_order_acquire) == slot.reuse ? &entry.cells : nullptr;
  }

  static constexpr std::size_t chunk_slots = 64;

 private:
  struct Entry {
    std::atomic<std::uint32_t> reuse{0};
    Cells cells;
  };
  using Chunk = std::array<Entry, chunk_slots>;

  [[gnu::cold]] Chunk* add_chunk(std::size_t index) {
    auto chunk = std::make_unique<Chunk>();
    Chunk* made = chunk.release();
    chunks_[index].store(made, std::memory_order_release);
    return made;
  }

  [[gnu::cold]] Cells& take_over(Entry& entry, std::uint32_t reuse) {
    if (entry.reuse.load(std::memory_order_relaxed) > reuse) return nobodys_;
    auto* first = reinterpret_cast<Counter*>(&entry.cells);
    for (Counter& counter : std::span(first, sizeof(Cells) / sizeof(Counter))) counter.set(0);
    entry.reuse.store(reuse, std::memory_order_release);
    return entry.cells;
  }

  std::array<std::atomic<Chunk*>, slots_max / chunk_slots> chunks_{};
  Cells nobodys_;
};

}  // namespace sluice::metrics
