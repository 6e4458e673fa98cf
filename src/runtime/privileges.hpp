#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <vector>

#include "base/error.hpp"

// Who the process is, and what it may do beyond that.
namespace sluice::runtime {

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  // supplementary ones

  // Whether the process is that user and group already.
  [[nodiscard]] bool is_current() const;
};

[[nodiscard]] bool is_root();

// The user of that name, with its groups; group: in place of the user's own, empty: that one. Blocks. Error: what is
// not there, "there is no user \"x\"".
[[nodiscard]] std::expected<Identity, std::string> find_identity(const std::string& user, const std::string& group);

// Makes the process that identity for good: of the capabilities it keeps the one to bind ports below 1024, and no
// program that it could start gives it more. For root, before other threads are started. Errors: what the kernel says.
[[nodiscard]] Result<void> become(const Identity& identity);

// Gives up, of this thread and of those that it will start, all capabilities but the one to bind ports below 1024.
[[nodiscard]] Result<void> keep_only_binding();

// Gives up all capabilities of this thread. Nothing where the process runs as root: then nobody asked for it.
void drop_thread_capabilities();

}  // namespace sluice::runtime
