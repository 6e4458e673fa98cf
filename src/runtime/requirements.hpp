#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::runtime {

// What the host offers, as far as starting depends on it.
struct HostFacts {
  std::string kernel_release;          // uname -r
  int io_uring_error = 0;              // errno of a trial ring, 0 where it opened
  int io_uring_disabled = 0;           // /proc/sys/kernel/io_uring_disabled; 0 where there is none
  std::uint64_t descriptors_soft = 0;  // RLIMIT_NOFILE
  std::uint64_t descriptors_hard = 0;
  bool can_batch = false;  // kernel::can_batch()
};

[[nodiscard]] HostFacts read_host_facts();

// Why Sluice cannot run here, in one sentence that says what to do; nothing when it can.
// descriptors_needed: how many the configuration asks for.
[[nodiscard]] std::optional<std::string> unmet_requirement(const HostFacts& facts, std::uint64_t descriptors_needed);

// Raises the soft limit on descriptors to the hard one; returns the limit that holds then.
std::uint64_t raise_descriptor_limit() noexcept;
// The soft limit that holds now; 0 where it cannot be read.
[[nodiscard]] std::uint64_t descriptor_limit() noexcept;

}  // namespace sluice::runtime
