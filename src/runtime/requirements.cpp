#include "runtime/requirements.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/kernel.hpp"

namespace sluice::runtime {

namespace {

// 6.1 is what Debian 12 runs, and the oldest that has SINGLE_ISSUER with DEFER_TASKRUN, multishot receive and accept.
constexpr int oldest_major = 6;
constexpr int oldest_minor = 1;

int read_io_uring_disabled() {
  int value = 0;
  if (std::FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re")) {
    if (std::fscanf(file, "%d", &value) != 1) value = 0;
    std::fclose(file);
  }
  return value;
}

bool is_too_old(const std::string& release) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2) return false;  // unknown: the trial ring decides
  return major < oldest_major || (major == oldest_major && minor < oldest_minor);
}

std::string explain_ring_error(const HostFacts& facts) {
  if (facts.io_uring_disabled == 2 || (facts.io_uring_disabled == 1 && facts.io_uring_error == EPERM)) {
    return fmt::format(
        "io_uring is switched off on this host (kernel.io_uring_disabled = {}): run 'sysctl -w "
        "kernel.io_uring_disabled=0'.",
        facts.io_uring_disabled);
  }
  switch (facts.io_uring_error) {
    case EPERM:
    case EACCES:
      return "io_uring is blocked here, most likely by a seccomp profile: allow io_uring_setup, io_uring_enter and "
             "io_uring_register in the container's profile.";
    case ENOSYS:
      return "this kernel was built without io_uring, or a seccomp profile hides it: use a kernel with "
             "CONFIG_IO_URING=y and allow the io_uring system calls.";
    case EINVAL:
      return fmt::format("the io_uring of kernel {} lacks SINGLE_ISSUER or DEFER_TASKRUN: use kernel 6.1 or newer.",
                         facts.kernel_release);
    case ENOMEM:
      return "the kernel has no locked memory left for an io_uring: raise the memlock limit ('ulimit -l', "
             "LimitMEMLOCK= in systemd).";
    case EMFILE:
    case ENFILE:
      return "there is no descriptor left for an io_uring: raise the descriptor limit ('ulimit -n', LimitNOFILE= in "
             "systemd).";
    default:
      return fmt::format("io_uring_setup failed: {}; see 'dmesg' and kernel.io_uring_disabled.",
                         std::strerror(facts.io_uring_error));
  }
}

}  // namespace

HostFacts read_host_facts() {
  HostFacts facts;
  utsname names{};
  if (::uname(&names) == 0) facts.kernel_release = names.release;
  io_uring ring{};
  int result = kernel::ring_open(ring, {8, 16});
  if (result < 0) {
    facts.io_uring_error = -result;
  } else {
    facts.can_batch = kernel::can_batch(ring);
    kernel::ring_close(ring);
  }
  facts.io_uring_disabled = read_io_uring_disabled();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.descriptors_soft = limit.rlim_cur;
    facts.descriptors_hard = limit.rlim_max;
  }
  return facts;
}

std::optional<std::string> unmet_requirement(const HostFacts& facts, std::uint64_t descriptors_needed) {
  if (is_too_old(facts.kernel_release)) {
    return fmt::format("kernel {} is too old: Sluice needs Linux {}.{} or newer.", facts.kernel_release, oldest_major,
                       oldest_minor);
  }
  if (facts.io_uring_error != 0) return explain_ring_error(facts);
  std::uint64_t available = std::max(facts.descriptors_soft, facts.descriptors_hard);
  if (available < descriptors_needed) {
    return fmt::format(
        "the configuration needs {} file descriptors and the limit is {}: raise it ('ulimit -n {}', LimitNOFILE= in "
        "systemd) or lower limits.max_connections.",
        descriptors_needed, available, descriptors_needed);
  }
  return std::nullopt;
}

std::uint64_t descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace sluice::runtime
