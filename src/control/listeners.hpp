#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "config/problems.hpp"
#include "net/address.hpp"
#include "net/listener_settings.hpp"
#include "net/socket_file.hpp"
#include "proxy/shard_change.hpp"

namespace sluice::control {

// What: one listener that shards have sockets of.
struct OpenListener {
  std::uint32_t id = 0;  // never given twice
  net::ListenerSettings settings;
  net::Address bound;    // with the port that was found where the settings have port 0
  net::SocketFile file;  // of a unix socket; removed when the listener goes
};

// What: a listener on its way to the shards: one socket for each.
// Lifetime: the sockets are closed with it unless they were taken.
class NewListener {
 public:
  // leaving: listeners of ours whose place it may take: a wildcard in place of one of its addresses, or the reverse. It
  // takes no connection of theirs before listen().
  // Errors: a sentence that names the listener, and where its address stands.
  [[nodiscard]] static std::expected<NewListener, config::Problem> open(const net::ListenerSettings& settings,
                                                                        std::uint32_t id, std::size_t sockets,
                                                                        std::span<const OpenListener> leaving);
  NewListener(NewListener&& other) noexcept = default;
  NewListener& operator=(NewListener&&) = delete;
  ~NewListener();

  // Begins where open() has not. After that, closing the sockets would reset connections that were another listener's.
  // Errors: as above.
  [[nodiscard]] std::expected<void, config::Problem> listen();
  [[nodiscard]] const OpenListener& listener() const { return listener_; }
  // The socket of one shard, which is the caller's from here on.
  [[nodiscard]] int take(std::size_t shard);

 private:
  explicit NewListener(OpenListener listener) : listener_(std::move(listener)) {}
  OpenListener listener_;
  std::vector<int> sockets_;
  bool is_listening_ = true;
};

// What: what becomes of the listeners with another configuration. The address is what a listener is known by: one that
//       keeps it keeps its sockets, whatever its name.
struct ListenerDiff {
  std::vector<net::ListenerSettings> added;
  std::vector<OpenListener> kept;     // with their new settings
  std::vector<OpenListener> updated;  // those kept whose settings have changed, with their old settings
  std::vector<OpenListener> removed;
};
[[nodiscard]] ListenerDiff diff_listeners(std::span<const OpenListener> open,
                                          std::span<const net::ListenerSettings> wanted);

// What the shards are to do with the socket of a listener that goes on with other settings. Errors: a sentence that
// names the listener, and the place of what cannot be done.
[[nodiscard]] std::expected<proxy::ListenerUpdate, config::Problem> update_of(const OpenListener& before,
                                                                              const net::ListenerSettings& after);

// Whether a socket on one of them takes connections of the other.
[[nodiscard]] bool overlaps(const net::Address& a, const net::Address& b);

}  // namespace sluice::control
