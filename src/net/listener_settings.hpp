#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/key.hpp"
#include "metrics/slot.hpp"
#include "net/congestion_control.hpp"
#include "net/file_mode.hpp"
#include "net/proxy_protocol_settings.hpp"

namespace sluice::net {

// What connections of a listener speak.
enum class ListenerProtocol : std::uint8_t {
  http,
  tcp,  // anything: bytes go on to an upstream as they come
};
inline constexpr std::array<std::string_view, 2> listener_protocol_names = {"http", "tcp"};
[[nodiscard]] std::string_view to_string(ListenerProtocol protocol) noexcept;

// One [[listener]].
struct ListenerSettings {
  config::Placed<std::string> name;
  config::Placed<std::string> address;  // "ip:port" or "unix:path", canonical
  config::Placed<std::string> congestion_control{std::string(CongestionControl::automatic), {}};
  std::uint32_t backlog = 4096;                  // connections that the kernel holds until they are accepted
  metrics::Slot slot;                            // where it counts; the control thread gives it out
  config::Placed<std::optional<FileMode>> mode;  // of a unix socket's file
  ListenerProtocol protocol = ListenerProtocol::http;
  config::Placed<std::string> upstream;                 // where the bytes of TCP go; empty: none
  std::optional<ProxyProtocolSettings> proxy_protocol;  // none: a connection begins with what the client sends
  config::Given given{};

  [[nodiscard]] bool is_unix() const { return address.value.starts_with("unix:"); }
  [[nodiscard]] bool has_file() const { return is_unix() && !address.value.starts_with("unix:@"); }
  [[nodiscard]] FileMode file_mode() const { return mode.value.value_or(FileMode{0660}); }

  friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

extern const config::Keys<ListenerSettings> listener_keys;

// What cannot be said of one key alone.
void check_listeners(std::span<const ListenerSettings> listeners, config::Problems& problems);

}  // namespace sluice::net
