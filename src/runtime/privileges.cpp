#include "runtime/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace sluice::runtime {
namespace {

constexpr std::uint32_t binding = 1U << CAP_NET_BIND_SERVICE;

struct Capabilities {
  __user_cap_data_struct low{};
  __user_cap_data_struct high{};
};

// Of the calling thread: the C library has no call for it, and would have nothing to add.
Result<Capabilities> capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Capabilities current;
  if (::syscall(SYS_capget, &header, &current) != 0) return std::unexpected(error_from_errno(errno));
  return current;
}

// Effective and permitted; none inheritable.
Result<void> set_capabilities(std::uint32_t low) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Capabilities wanted;
  wanted.low.effective = low;
  wanted.low.permitted = low;
  if (::syscall(SYS_capset, &header, &wanted) != 0) return std::unexpected(error_from_errno(errno));
  return {};
}

Result<void> failed_call() { return std::unexpected(error_from_errno(errno)); }

// What a program could be given when it is started: needs CAP_SETPCAP, so it comes before the others are given up.
Result<void> narrow_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (capability == CAP_NET_BIND_SERVICE) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return failed_call();
  }
  return {};
}

std::vector<gid_t> groups_of(const char* user, gid_t group) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(user, group, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      return groups;
    }
    // It has said how many there are.
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
  }
}

}  // namespace

bool Identity::is_current() const { return ::geteuid() == user && ::getegid() == group; }

bool is_root() { return ::geteuid() == 0; }

std::expected<Identity, std::string> find_identity(const std::string& user, const std::string& group) {
  // The control thread is the only one that asks.
  errno = 0;
  const passwd* found = ::getpwnam(user.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (found == nullptr) return std::unexpected(fmt::format("there is no user \"{}\"", user));
  Identity identity{.user = found->pw_uid, .group = found->pw_gid, .groups = {}};
  if (!group.empty()) {
    const ::group* other = ::getgrnam(group.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (other == nullptr) return std::unexpected(fmt::format("there is no group \"{}\"", group));
    identity.group = other->gr_gid;
  }
  identity.groups = groups_of(user.c_str(), identity.group);
  return identity;
}

Result<void> become(const Identity& identity) {
  // The kernel counts the memory of rings as locked (since 6.14), against the user; root's limits do not bind root.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  if (auto narrowed = narrow_bounding_set(); !narrowed) return narrowed;
  // Otherwise the change of the user would take the permitted ones too.
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed_call();
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) return failed_call();
  if (::setresgid(identity.group, identity.group, identity.group) != 0) return failed_call();
  if (::setresuid(identity.user, identity.user, identity.user) != 0) return failed_call();
  if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return failed_call();
  if (auto kept = keep_only_binding(); !kept) return kept;
  SLUICE_ASSERT(identity.user == 0 || ::setresuid(0, 0, 0) != 0);  // there is no way back
  return {};
}

Result<void> keep_only_binding() {
  auto current = capabilities();
  if (!current) return std::unexpected(current.error());
  if (auto kept = set_capabilities(current->low.permitted & binding); !kept) return kept;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed_call();
  return {};
}

void drop_thread_capabilities() {
  if (is_root()) return;
  SLUICE_ASSERT(set_capabilities(0).has_value());  // giving up is always allowed
}

}  // namespace sluice::runtime
