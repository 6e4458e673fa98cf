#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::control {

// What the kernel tells about this process; nothing where it does not.
struct ProcessFacts {
  std::optional<Duration> cpu;
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> descriptors_max;
};

// Reads /proc; takes longer with many descriptors on kernels before 6.2, which have to be counted one by one there.
[[nodiscard]] ProcessFacts read_process_facts();

}  // namespace sluice::control
