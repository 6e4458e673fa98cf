#include "app/check.hpp"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <utility>

#include "app/identity.hpp"
#include "app/pid_file.hpp"
#include "control/admin_socket.hpp"
#include "control/host_check.hpp"
#include "net/address.hpp"
#include "net/address_check.hpp"
#include "net/listening_sockets.hpp"
#include "proxy/log_writer.hpp"

namespace sluice::app {

std::vector<std::string> check_host(const proxy::Configuration& configuration) {
  std::vector<std::string> problems;
  auto add = [&](config::Place place, std::string_view message) {
    problems.push_back(fmt::format("{}: {}", configuration.place_text(place), message));
  };
  const auto identity = wanted_identity(configuration);
  if (!identity) problems.push_back(identity.error());
  if (const auto& [path, place] = configuration.pid_file; !path.empty()) {
    if (auto claimable = PidFile::check(path); !claimable) add(place, claimable.error());
  }
  if (identity) {
    if (auto taken = take_on(*identity); !taken) problems.push_back(taken.error());
    for (const std::string& file : unreadable_files(configuration)) {
      add(configuration.user.place, fmt::format("that user cannot read {}, and so not reload it", file));
    }
  }
  for (const net::ListenerSettings& listener : configuration.listeners) {
    const auto address = net::Address::parse(listener.address.value);
    if (!address) continue;
    if (auto bindable = net::check_bindable(*address); !bindable) {
      add(listener.address.place,
          fmt::format("cannot listen on {}: {}", listener.address.value, std::strerror(bindable.error().os_error)));
    }
    if (auto possible = net::check_listening_address(listener); !possible) {
      add(listener.address.place, fmt::format("cannot listen on {}: {}", listener.address.value, possible.error()));
    }
  }
  if (configuration.log.is_access_on()) {
    if (auto log = proxy::LogWriter::check(configuration.log.access); !log) {
      add(configuration.log.given.place_of("access"),
          fmt::format("cannot open the access log {}: {}", configuration.log.access,
                      std::strerror(log.error().os_error)));
    }
  }
  if (configuration.admin.is_on()) {
    if (auto openable = control::AdminSocket::check(configuration.admin); !openable)
      add(configuration.admin.given.place_of("socket"), openable.error());
  }
  for (std::string& sentence : control::unmet_by_host(configuration)) problems.push_back(std::move(sentence));
  return problems;
}

}  // namespace sluice::app
