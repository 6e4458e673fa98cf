#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "proxy/configuration.hpp"
#include "runtime/privileges.hpp"

namespace sluice::app {

// Whom the process has to become for `user` and `group`; none: nobody else than it is. Error: "file:line:column: ...".
[[nodiscard]] std::expected<std::optional<runtime::Identity>, std::string> wanted_identity(
    const proxy::Configuration& configuration);

// Becomes that, or stays; gives up what it does not need of root's rights, and what it was given of them. Once, before
// any thread is started. Error: a sentence.
[[nodiscard]] std::expected<void, std::string> take_on(const std::optional<runtime::Identity>& identity);

// The files of the configuration that the process, as it is now, could not read again.
[[nodiscard]] std::vector<std::string> unreadable_files(const proxy::Configuration& configuration);

}  // namespace sluice::app
