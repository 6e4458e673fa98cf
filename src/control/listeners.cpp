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
#include "net/listening_sockets.hpp"

namespace sluice::control {
namespace {

std::string describe(const Error& error) {
  return error.os_error != 0 ? std::string(std::strerror(error.os_error)) : std::string(to_string(error.code));
}

std::string_view host_of(const net::Address& address, char* memory) { return address.write_host(memory); }

config::Problem refusal(const net::ListenerSettings& settings, std::string_view why) {
  return {settings.address.place,
          fmt::format("cannot listen on {} (listener \"{}\"): {}", settings.address.value, settings.name.value, why)};
}

bool is_wildcard(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

}  // namespace

bool overlaps(const net::Address& a, const net::Address& b) {
  if (a.is_unix() || b.is_unix()) return a.to_string() == b.to_string();
  if (a.family() != b.family() || a.port() != b.port()) return false;
  char first[net::Address::text_bytes_max];
  char second[net::Address::text_bytes_max];
  const std::string_view host_a = host_of(a, first);
  const std::string_view host_b = host_of(b, second);
  return host_a == host_b || is_wildcard(host_a) || is_wildcard(host_b);
}

std::expected<NewListener, config::Problem> NewListener::open(const net::ListenerSettings& settings, std::uint32_t id,
                                                              std::size_t sockets,
                                                              std::span<const OpenListener> leaving) {
  std::optional<net::Address> address = net::Address::parse(settings.address.value);
  SLUICE_ASSERT(address.has_value());  // checked when the configuration was read
  const bool is_ours =
      std::ranges::any_of(leaving, [&](const OpenListener& other) { return overlaps(other.bound, *address); });
  auto opened = net::open_listening_sockets(settings, static_cast<unsigned>(sockets),
                                            is_ours ? net::Occupancy::shared_with_us : net::Occupancy::must_be_free);
  if (!opened) return std::unexpected(refusal(settings, opened.error()));
  NewListener listener({.id = id, .settings = settings, .bound = opened->address, .file = opened->file});
  listener.sockets_ = std::move(opened->fds);
  listener.is_listening_ = !is_ours || address->is_unix();
  return listener;
}

std::expected<void, config::Problem> NewListener::listen() {
  if (is_listening_) return {};
  const auto backlog = static_cast<int>(listener_.settings.backlog);
  if (Result<void> begun = net::begin_listening(sockets_, backlog); !begun) {
    return std::unexpected(refusal(listener_.settings, describe(begun.error())));
  }
  is_listening_ = true;
  return {};
}

NewListener::~NewListener() {
  // The file of a unix socket that no shard has.
  if (!sockets_.empty() && sockets_.front() >= 0) listener_.file.remove();
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
    diff.kept.push_back({.id = before.id, .settings = settings, .bound = before.bound, .file = before.file});
    by_address.erase(same);
  }
  for (const OpenListener& listener : open) {
    if (by_address.contains(listener.settings.address.value)) diff.removed.push_back(listener);
  }
  return diff;
}

std::expected<proxy::ListenerUpdate, config::Problem> update_of(const OpenListener& before,
                                                                const net::ListenerSettings& after) {
  proxy::ListenerUpdate update;
  update.id = before.id;
  update.name = after.name.value;
  update.slot = after.slot;
  update.backlog = static_cast<int>(after.backlog);
  update.terms = proxy::ListenerTerms(after);
  if (after.is_unix() || after.congestion_control == before.settings.congestion_control) return update;
  Result<std::string> name = net::effective_congestion_control(after.congestion_control.value, before.bound);
  if (!name) {
    return std::unexpected(
        config::Problem{after.given.place_of("congestion_control"),
                        fmt::format("cannot change the congestion control of {} (listener \"{}\"): {}",
                                    after.address.value, after.name.value, describe(name.error()))});
  }
  update.congestion_control = std::move(*name);
  return update;
}

}  // namespace sluice::control
