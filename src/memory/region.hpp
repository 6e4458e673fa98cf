#pragma once

#include <cstddef>

namespace sluice::memory {

// What: a large piece of memory straight from the kernel, in huge pages where it grants them: what is walked through
//       all the time would otherwise cost a TLB miss at each step.
// Lifetime: unmapped at the end; whoever poisoned it unpoisons it before.
class Region {
 public:
  // Aborts when there is no address space: regions are made at start, from bounded settings.
  explicit Region(std::size_t bytes);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  char* data_;
};

}  // namespace sluice::memory
