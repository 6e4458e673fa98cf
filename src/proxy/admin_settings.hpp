#pragma once

#include <string>

#include "config/key.hpp"
#include "net/file_mode.hpp"

namespace sluice::proxy {

// [admin]
struct AdminSettings {
  std::string socket = "off";  // path of the unix socket, or "off"
  net::FileMode mode{0600};
  config::Given given{};

  [[nodiscard]] bool is_on() const { return socket != "off"; }
  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

extern const config::Keys<AdminSettings> admin_keys;

}  // namespace sluice::proxy
