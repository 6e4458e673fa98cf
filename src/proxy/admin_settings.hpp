#pragma once

#include <cstdint>
#include <string>

#include "config/key.hpp"

namespace sluice::proxy {

// Who may do what with a file, as chmod(1) takes it.
struct FileMode {
  std::uint32_t bits = 0600;

  friend bool operator==(const FileMode&, const FileMode&) = default;
};
[[nodiscard]] std::string to_string(FileMode mode);  // "0600"

// [admin]
struct AdminSettings {
  std::string socket = "off";  // path of the unix socket, or "off"
  FileMode mode;

  [[nodiscard]] bool is_on() const { return socket != "off"; }
  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

extern const config::Keys<AdminSettings> admin_keys;

}  // namespace sluice::proxy
