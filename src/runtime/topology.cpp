#include "runtime/topology.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sluice::runtime {

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  // The kernel refuses a set that is smaller than its own.
  constexpr std::size_t most = 1 << 16;
  for (std::size_t count = CPU_SETSIZE; count <= most && cpus.empty(); count *= 4) {
    const std::size_t bytes = CPU_ALLOC_SIZE(count);
    cpu_set_t* set = CPU_ALLOC(count);
    if (set == nullptr) break;
    CPU_ZERO_S(bytes, set);
    if (::sched_getaffinity(0, bytes, set) == 0) {
      for (std::size_t cpu = 0; cpu < count; ++cpu) {
        if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(static_cast<int>(cpu));
      }
    }
    CPU_FREE(set);
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::string cpu_list(std::span<const int> cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[first]);
    if (last != first) text += fmt::format("-{}", cpus[last]);
    first = last + 1;
  }
  return text;
}

unsigned CpuFacts::standard_shards() const {
  const double cpus = static_cast<double>(usable.size());
  return static_cast<unsigned>(std::clamp(quota ? std::ceil(*quota) : cpus, 1.0, std::max(cpus, 1.0)));
}

std::string CpuFacts::describe() const {
  std::string text =
      fmt::format("{} usable CPU{} ({})", usable.size(), usable.size() == 1 ? "" : "s", cpu_list(usable));
  if (quota) text += fmt::format(", a control group allows the time of {:.2f}", *quota);
  return text;
}

CpuFacts read_cpu_facts() { return {usable_cpus(), cpu_quota()}; }

bool pin_this_thread(int cpu) noexcept {
  const auto number = static_cast<std::size_t>(cpu);
  const std::size_t bytes = CPU_ALLOC_SIZE(number + 1);
  cpu_set_t* set = CPU_ALLOC(number + 1);
  if (set == nullptr) return false;
  CPU_ZERO_S(bytes, set);
  CPU_SET_S(number, bytes, set);
  const bool is_pinned = ::pthread_setaffinity_np(::pthread_self(), bytes, set) == 0;
  CPU_FREE(set);
  return is_pinned;
}

void name_this_thread(const char* name) noexcept { (void)::pthread_setname_np(::pthread_self(), name); }

}  // namespace sluice::runtime
