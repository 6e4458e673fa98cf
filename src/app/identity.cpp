#include "app/identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

namespace sluice::app {

std::expected<std::optional<runtime::Identity>, std::string> wanted_identity(
    const proxy::Configuration& configuration) {
  const auto& user = configuration.user;
  const auto& group = configuration.group;
  if (user.value.empty()) return std::nullopt;
  auto identity = runtime::find_identity(user.value, {});
  if (!identity) return std::unexpected(fmt::format("{}: {}", configuration.place_text(user.place), identity.error()));
  if (!group.value.empty()) {
    identity = runtime::find_identity(user.value, group.value);
    if (!identity) {
      return std::unexpected(fmt::format("{}: {}", configuration.place_text(group.place), identity.error()));
    }
  }
  if (identity->is_current()) return std::nullopt;
  if (runtime::is_root()) return *std::move(identity);
  return std::unexpected(fmt::format("{}: only root can become the user {} (number {}); this is user number {}",
                                     configuration.place_text(user.place), config::in_quotes(user.value),
                                     identity->user, ::geteuid()));
}

std::expected<void, std::string> take_on(const std::optional<runtime::Identity>& identity) {
  Result<void> done;
  if (identity) {
    done = runtime::become(*identity);
  } else if (!runtime::is_root()) {
    done = runtime::keep_only_binding();
  }
  if (done) return {};
  return std::unexpected(fmt::format("cannot give up root's rights: {}", std::strerror(done.error().os_error)));
}

std::vector<std::string> unreadable_files(const proxy::Configuration& configuration) {
  std::vector<std::string> unreadable;
  for (const std::string& file : configuration.files) {
    if (::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0) unreadable.push_back(file);
  }
  return unreadable;
}

}  // namespace sluice::app
