#include "net/listener_settings.hpp"

#include <algorithm>
#include <array>

#include "net/address_text.hpp"

namespace sluice::net {
namespace {

constexpr auto keys = std::to_array<config::Key<ListenerSettings>>({
    config::string<&ListenerSettings::name, config::Name>("name",
                                                          "Its name in logs and metrics; no two listeners share one.")
        .required(),
    config::string<&ListenerSettings::address, AddressText>(
        "address", "Where to listen; no two listeners share one. `0.0.0.0` and `[::]` mean every address of the host.")
        .required(),
    config::choice<&ListenerSettings::protocol, listener_protocol_names>(
        "protocol", "What its connections speak; with `\"tcp\"` bytes go on to `upstream` as they come."),
    config::string<&ListenerSettings::upstream, config::Name>("upstream",
                                                              "Name of the upstream that connections go to, of TCP.")
        .otherwise("required for TCP"),
    config::integer<&ListenerSettings::backlog>(
        "backlog", {1, 65535},
        "Connections that each shard, or a unix socket, lets wait in the kernel until they are accepted; "
        "`net.core.somaxconn` caps it."),
    config::string<&ListenerSettings::congestion_control, CongestionControl>(
        "congestion_control", "Congestion control towards clients; see [below](#congestion-control)."),
    config::string<&ListenerSettings::mode, FileModeText>(
        "mode", "Permissions of a unix socket's file: who may write to it may connect.")
        .otherwise("`\"0660\"` for a unix socket"),
    config::table<&ListenerSettings::proxy_protocol, proxy_protocol_keys>(
        "proxy_protocol", "Proxies in front that begin each connection with a PROXY header."),
});

}  // namespace

constinit const config::Keys<ListenerSettings> listener_keys = keys;

std::string_view to_string(ListenerProtocol protocol) noexcept {
  return listener_protocol_names[static_cast<std::size_t>(protocol)];
}

namespace {

void check_upstream(const ListenerSettings& listener, config::Problems& problems) {
  const config::Given& given = listener.given;
  if (!given.is_sound("protocol")) return;
  const bool is_http = listener.protocol == ListenerProtocol::http;
  if (is_http && given.has("upstream")) {
    problems.add(given.place_of("upstream"),
                 "`upstream` goes with the protocol \"tcp\"; where HTTP goes is for [[route]] to say");
  }
  if (!is_http && !given.has("upstream") && given.is_sound("upstream")) {
    problems.add(given.place_of("protocol"), "the protocol \"tcp\" needs `upstream`");
  }
}

// A list that none of those is in who can connect there.
void check_senders(const ListenerSettings& listener, config::Problems& problems) {
  if (!listener.proxy_protocol || listener.proxy_protocol->from.empty() || listener.address.value.empty()) return;
  const config::Given& given = listener.proxy_protocol->given;
  if (!given.is_sound("from")) return;
  auto is_unix = [](const TrustedPeer& peer) { return !peer.network; };
  const auto& from = listener.proxy_protocol->from;
  if (listener.is_unix() && std::ranges::none_of(from, is_unix)) {
    problems.add(given.place_of("from"), "who comes through a unix socket is \"unix\", which is not in `from`");
  }
  if (!listener.is_unix() && std::ranges::all_of(from, is_unix)) {
    problems.add(given.place_of("from"), "who comes over TCP has an address, and none is in `from`");
  }
}

}  // namespace

void check_listeners(std::span<const ListenerSettings> listeners, config::Problems& problems) {
  for (const ListenerSettings& listener : listeners) {
    check_upstream(listener, problems);
    check_senders(listener, problems);
    if (!listener.mode.value || listener.address.value.empty() || listener.has_file()) continue;
    problems.add(listener.mode.place, fmt::format("`mode` is for unix sockets that have a file; {} has none",
                                                  config::in_quotes(listener.address.value)));
  }
}

}  // namespace sluice::net
