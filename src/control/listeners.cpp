#include "control/listeners.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "net/listener.hpp"
#include "runtime/kernel.hpp"

namespace sluice::control {
namespace {

net::Address local_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (runtime::kernel::local_address(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) return {};
  return net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
}

std::string describe(const Error& error) {
  return error.os_error != 0 ? std::string(std::strerror(error.os_error)) : std::string(to_string(error.code));
}

std::string_view host_of(const net::Address& address, char* memory) { return address.write_host(memory); }

bool is_wildcard(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

}  // namespace

bool overlaps(const net::Address& a, const net::Address& b) {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  char first[net::Address::text_bytes_max];
  char second[net::Address::text_bytes_max];
  const std::string_view host_a = host_of(a, first);
  const std::string_view host_b = host_of(b, second);
  return host_a == host_b || is_wildcard(host_a) || is_wildcard(host_b);
}

std::expected<NewListener, std::string> NewListener::open(const net::ListenerSettings& settings, std::uint32_t id,
                                                          std::size_t sockets, std::span<const OpenListener> leaving) {
  std::optional<net::Address> address = net::Address::parse(settings.address.value);
  SLUICE_ASSERT(address.has_value());  // checked when the configuration was read
  auto fail = [&settings](const Error& error) {
    return std::unexpected(fmt::format("cannot listen on {} (listener \"{}\"): {}", settings.address.value,
                                       settings.name.value, describe(error)));
  };
  const bool is_ours =
      std::ranges::any_of(leaving, [&](const OpenListener& other) { return overlaps(other.bound, *address); });
  if (!is_ours) {
    if (Result<void> free = net::Listener::check_free(*address); !free) return fail(free.error());
  }
  NewListener listener({.id = id, .settings = settings, .bound = *address});
  for (std::size_t i = 0; i < sockets; ++i) {
    Result<int> fd =
        net::Listener::open_socket(*address, static_cast<int>(settings.backlog), settings.congestion_control.value);
    if (!fd) return fail(fd.error());
    listener.sockets_.push_back(*fd);
    // Port 0: the first socket finds a port, the other shards join it there.
    *address = local_address_of(*fd);
  }
  listener.listener_.bound = *address;
  return listener;
}

NewListener::~NewListener() {
  for (int fd : sockets_) {
    if (fd >= 0) ::close(fd);
  }
}

int NewListener::take(std::size_t shard) { return std::exchange(sockets_[shard], -1); }

ListenerDiff diff_listeners(std::span<const OpenListener> open, std::span<const net::ListenerSettings> wanted) {
  ListenerDiff diff;
  std::map<std::string_view, const OpenListener*> by_address;
  for (const OpenListener& listener : open) by_address.emplace(listener.settings.address.value, &listener);
  for (const net::ListenerSettings& settings : wanted) {
    auto same = by_address.find(settings.address.value);
    if (same == by_address.end()) {
      diff.added.push_back(settings);
      continue;
    }
    const OpenListener& before = *same->second;
    if (before.settings != settings) diff.updated.push_back(before);
    diff.kept.push_back({.id = before.id, .settings = settings, .bound = before.bound});
    by_address.erase(same);
  }
  for (const OpenListener& listener : open) {
    if (by_address.contains(listener.settings.address.value)) diff.removed.push_back(listener);
  }
  return diff;
}

std::expected<proxy::ListenerUpdate, std::string> update_of(const OpenListener& before,
                                                            const net::ListenerSettings& after) {
  proxy::ListenerUpdate update;
  update.id = before.id;
  update.name = after.name.value;
  update.slot = after.slot;
  update.backlog = static_cast<int>(after.backlog);
  if (after.congestion_control == before.settings.congestion_control) return update;
  Result<std::string> name = net::effective_congestion_control(after.congestion_control.value, before.bound);
  if (!name) {
    return std::unexpected(fmt::format("cannot change the congestion control of {} (listener \"{}\"): {}",
                                       after.address.value, after.name.value, describe(name.error())));
  }
  update.congestion_control = std::move(*name);
  return update;
}

}  // namespace sluice::control
