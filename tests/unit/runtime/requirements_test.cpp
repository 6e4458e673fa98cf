#include "runtime/requirements.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "runtime/topology.hpp"

namespace sluice::runtime {
namespace {

HostFacts facts(std::string release, int error, int disabled, std::uint64_t soft = 1024, std::uint64_t hard = 4096) {
  return {std::move(release), error, disabled, soft, hard, false};
}

TEST_CASE("why a host will not do, in one sentence that says what to do") {
  struct Row {
    HostFacts host;
    std::uint64_t descriptors;
    std::string sentence;  // empty: it will do
  };
  const std::string blocked =
      "io_uring is blocked here, most likely by a seccomp profile: allow io_uring_setup, io_uring_enter and "
      "io_uring_register in the container's profile.";
  const std::string no_descriptor =
      "there is no descriptor left for an io_uring: raise the descriptor limit ('ulimit -n', LimitNOFILE= in systemd).";
  const Row rows[] = {
      {facts("6.1.0", 0, 0), 4096, ""},
      {facts("6.1.0-18-amd64", 0, 0), 0, ""},
      {facts("6.18.44", 0, 0), 100, ""},
      {facts("7.0", 0, 0), 100, ""},
      {facts("10.0.1", 0, 0), 100, ""},
      {facts("6.1.0", 0, 1), 100, ""},  // switched off for others: our ring opened
      {facts("odd", 0, 0), 100, ""},
      {facts("", 0, 0), 100, ""},
      {facts("6.1.0", 0, 0, 4096, 1024), 4096, ""},
      {facts("6.0.19", 0, 0), 0, "kernel 6.0.19 is too old: Sluice needs Linux 6.1 or newer."},
      {facts("5.15.0-91-generic", EINVAL, 0), 0,
       "kernel 5.15.0-91-generic is too old: Sluice needs Linux 6.1 or newer."},
      {facts("5.99", EPERM, 2), 0, "kernel 5.99 is too old: Sluice needs Linux 6.1 or newer."},
      {facts("4.19.0", ENOSYS, 0), 0, "kernel 4.19.0 is too old: Sluice needs Linux 6.1 or newer."},
      {facts("6.8.0", EPERM, 2), 0,
       "io_uring is switched off on this host (kernel.io_uring_disabled = 2): run 'sysctl -w "
       "kernel.io_uring_disabled=0'."},
      {facts("6.8.0", EPERM, 1), 0,
       "io_uring is switched off on this host (kernel.io_uring_disabled = 1): run 'sysctl -w "
       "kernel.io_uring_disabled=0'."},
      {facts("6.8.0", EPERM, 0), 0, blocked},
      {facts("6.8.0", EACCES, 0), 0, blocked},
      {facts("6.8.0", EACCES, 1), 0, blocked},
      {facts("6.8.0", ENOSYS, 0), 0,
       "this kernel was built without io_uring, or a seccomp profile hides it: use a kernel with CONFIG_IO_URING=y and "
       "allow the io_uring system calls."},
      {facts("6.1.0", EINVAL, 0), 0,
       "the io_uring of kernel 6.1.0 lacks SINGLE_ISSUER or DEFER_TASKRUN: use kernel 6.1 or newer."},
      {facts("6.8.0", ENOMEM, 0), 0,
       "the kernel has no locked memory left for an io_uring: raise the memlock limit ('ulimit -l', LimitMEMLOCK= in "
       "systemd)."},
      {facts("6.8.0", EMFILE, 0), 0, no_descriptor},
      {facts("6.8.0", ENFILE, 0), 0, no_descriptor},
      {facts("6.8.0", EIO, 0), 0,
       "io_uring_setup failed: Input/output error; see 'dmesg' and kernel.io_uring_disabled."},
      {facts("6.8.0", 0, 0, 1024, 4096), 4097,
       "the configuration needs 4097 file descriptors and the limit is 4096: raise it ('ulimit -n 4097', LimitNOFILE= "
       "in systemd) or lower limits.max_connections."},
      {facts("6.8.0", 0, 0, 0, 0), 1,
       "the configuration needs 1 file descriptors and the limit is 0: raise it ('ulimit -n 1', LimitNOFILE= in "
       "systemd) or lower limits.max_connections."},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host.kernel_release);
    CAPTURE(row.host.io_uring_error);
    CHECK(unmet_requirement(row.host, row.descriptors).value_or("") == row.sentence);
  }
}

TEST_CASE("this host is read, and will do") {
  const HostFacts host = read_host_facts();
  CHECK_FALSE(host.kernel_release.empty());
  CHECK(host.io_uring_error == 0);
  CHECK(host.descriptors_soft > 0);
  CHECK(unmet_requirement(host, 1).value_or("") == "");
}

TEST_CASE("the descriptor limit is raised to what is allowed") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit lowered = before;
  lowered.rlim_cur = before.rlim_max / 2;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &lowered) == 0);
  CHECK(raise_descriptor_limit() == before.rlim_max);
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_max);
  CHECK(raise_descriptor_limit() == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("the CPUs that may be used are there, in order") {
  const std::vector<int> cpus = usable_cpus();
  REQUIRE_FALSE(cpus.empty());
  for (std::size_t i = 1; i < cpus.size(); ++i) CHECK(cpus[i - 1] < cpus[i]);
  CHECK(cpus.front() >= 0);
  CHECK_FALSE(pin_this_thread(1023));
}

}  // namespace
}  // namespace sluice::runtime
