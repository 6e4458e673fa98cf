#pragma once

#include <vector>

namespace sluice::runtime {

// The CPUs that this process may use (sched_getaffinity: taskset, cpusets), ascending; never empty.
[[nodiscard]] std::vector<int> usable_cpus();

// Pins the calling thread to one CPU. False where the kernel refuses; the thread runs on unpinned.
bool pin_this_thread(int cpu) noexcept;

// Names the calling thread for ps and top; at most 15 characters count.
void name_this_thread(const char* name) noexcept;

}  // namespace sluice::runtime
