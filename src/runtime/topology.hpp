#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::runtime {

// The CPUs that this thread may use (sched_getaffinity: taskset, cpusets), ascending; never empty.
[[nodiscard]] std::vector<int> usable_cpus();

// "0-3,8": ranges of ascending numbers.
[[nodiscard]] std::string cpu_list(std::span<const int> cpus);

// How many CPUs' worth of time this process's control groups allow: the least of cpu.max, or of cpu.cfs_quota_us, from
// its own group up to the root. Nothing where none of them has a quota. root: of the file system, for tests.
[[nodiscard]] std::optional<double> cpu_quota(const std::string& root = "/");

// What this process has to run on.
struct CpuFacts {
  std::vector<int> usable;      // as usable_cpus()
  std::optional<double> quota;  // as cpu_quota()

  // How many shards there are unless the configuration says: one for each usable CPU, and no more than the quota
  // rounded up, since all that exceed it would only take turns at standing still.
  [[nodiscard]] unsigned standard_shards() const;
  // "2 usable CPUs (0-1)", with the quota where there is one.
  [[nodiscard]] std::string describe() const;
};
[[nodiscard]] CpuFacts read_cpu_facts();

// Pins the calling thread to one CPU. False where the kernel refuses; the thread runs on unpinned.
bool pin_this_thread(int cpu) noexcept;

// Names the calling thread for ps and top; at most 15 characters count.
void name_this_thread(const char* name) noexcept;

}  // namespace sluice::runtime
