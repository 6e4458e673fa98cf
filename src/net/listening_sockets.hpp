#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "net/address.hpp"
#include "net/listener_settings.hpp"
#include "net/socket_file.hpp"

namespace sluice::net {

// What: what a listener is made of: a descriptor for each shard. Over TCP each is a socket of its own (SO_REUSEPORT); a
//       unix socket, of which there can be only one, is shared.
// Shard: none; for the control thread.
// Lifetime: whoever takes the descriptors closes them; close() is for those that nobody took.
struct ListeningSockets {
  Address address;  // as bound: a port of 0 has become one
  std::vector<int> fds;
  SocketFile file;  // of a unix socket, unless it is abstract

  void close();
};

// Whether somebody may have the address already. A listener of ours that is about to leave may share it for a moment:
// the sockets do not listen then until begin_listening(), because from that moment on they take its connections.
enum class Occupancy : std::uint8_t { must_be_free, shared_with_us };
[[nodiscard]] std::string_view to_string(Occupancy occupancy) noexcept;

// Opens a listener's sockets. Blocks. Errors: the second half of the sentence "cannot listen on ...: ".
[[nodiscard]] std::expected<ListeningSockets, std::string> open_listening_sockets(
    const ListenerSettings& settings, unsigned shards, Occupancy occupancy = Occupancy::must_be_free);

// Errors: somebody else listens there meanwhile, or there is no memory.
[[nodiscard]] Result<void> begin_listening(std::span<const int> fds, int backlog);

// What can be said of a listener's address without listening there, for -t. Errors: as above.
[[nodiscard]] std::expected<void, std::string> check_listening_address(const ListenerSettings& settings);

}  // namespace sluice::net
