#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sockets.hpp"

namespace sluice::fault {

// What: the far end of a connection, driven by a test. It has no descriptor, waits for nothing and meets no faults.
// Lifetime: closes its end (a FIN; a RST if unread bytes are left) when destroyed.
class Peer {
 public:
  Peer() = default;
  explicit Peer(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}

  // False for a default-constructed peer, a refused connection, and after close.
  [[nodiscard]] bool is_connected() const { return socket_ != nullptr && socket_->state() == Socket::State::connected; }

  // Returns how many bytes found room; 0 when the connection is dead.
  std::size_t write(std::string_view bytes);
  // Everything that has come, at most `bytes_max`.
  [[nodiscard]] std::string read(std::size_t bytes_max = SIZE_MAX);
  [[nodiscard]] std::size_t readable() const { return socket_ == nullptr ? 0 : socket_->readable(); }

  // The other end has ended its half, and everything before that has been read.
  [[nodiscard]] bool at_end() const;
  [[nodiscard]] bool was_reset() const { return socket_ != nullptr && socket_->reset_received(); }

  void shutdown();  // ends its half
  void reset();     // sends a RST
  void close() { socket_.reset(); }

  [[nodiscard]] const Address& local() const { return socket_->local(); }

 private:
  std::shared_ptr<Socket> socket_;
};

// What: a server driven by a test.
class PeerListener {
 public:
  PeerListener() = default;
  explicit PeerListener(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}

  [[nodiscard]] bool has_waiting() const { return socket_ != nullptr && socket_->can_accept(); }
  [[nodiscard]] Peer accept() { return Peer(socket_->take_accepted()); }
  [[nodiscard]] const Address& address() const { return socket_->local(); }
  void close() { socket_.reset(); }

 private:
  std::shared_ptr<Socket> socket_;
};

}  // namespace sluice::fault
