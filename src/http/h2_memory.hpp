#pragma once

#include <cstddef>

namespace sluice::http {

// What: memory for one session's library: from the thread's FramePool, and no more than a bound. Who asks for more is
//       refused, and its session ends.
// Shard: one. Lifetime: outlives everything that was taken from it.
// Invariants: bytes_out() is what was taken and not given back, with what each piece costs here.
class H2Memory {
 public:
  explicit H2Memory(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  H2Memory(const H2Memory&) = delete;
  H2Memory& operator=(const H2Memory&) = delete;
  ~H2Memory();

  // Null where the bound is reached. Aligned for any object.
  [[nodiscard]] void* allocate(std::size_t bytes) noexcept;
  // Null likewise; then what was there stays.
  [[nodiscard]] void* resize(void* memory, std::size_t bytes) noexcept;
  void release(void* memory) noexcept;
  [[nodiscard]] std::size_t bytes_out() const { return bytes_out_; }

 private:
  std::size_t bytes_max_;
  std::size_t bytes_out_ = 0;
};

}  // namespace sluice::http
