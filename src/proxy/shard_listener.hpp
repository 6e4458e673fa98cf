#pragma once

#include <cstdint>
#include <string>

#include "net/listener.hpp"
#include "proxy/shard_change.hpp"
#include "upstream/upstream.hpp"

namespace sluice::proxy {

class Shard;

// What: a listener as one shard has it: its socket, and what its connections ask about it.
// Shard: one.
// Lifetime: until its socket is closed and its last connection has ended.
// Invariants: once removed, always removed; a listener that comes back is another one.
class ShardListener final : private net::Listener::Acceptor {
 public:
  ShardListener(Shard& shard, const ListenerSocket& socket);

  [[nodiscard]] std::uint32_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] net::Listener& socket() { return socket_; }

  [[nodiscard]] metrics::Slot slot() const { return slot_; }
  [[nodiscard]] const ListenerTerms& terms() const { return terms_; }
  // Where connections go now; valid with ListenerProtocol::tcp. Stays there for connections that were accepted before
  // it is another one.
  [[nodiscard]] upstream::Upstream& upstream() const { return *upstream_; }
  // The connections that it has now show the new name, too; what is open stays counted where it was when it came.
  void update(const ListenerUpdate& update);
  // Its connections end with the exchange that they are in.
  void remove() { is_removed_ = true; }
  [[nodiscard]] bool is_removed() const { return is_removed_; }

  void use() { ++uses_; }
  void end_use();
  [[nodiscard]] bool is_unused() const { return uses_ == 0; }

 private:
  void on_connection(int fd) override;
  void on_pause() override;
  void find_upstream();

  Shard& shard_;
  std::uint32_t id_;
  std::string name_;
  metrics::Slot slot_;
  ListenerTerms terms_;
  upstream::Use<upstream::Upstream> upstream_;  // of TCP; also when a reload takes it out of the configuration
  net::Listener socket_;
  std::uint32_t uses_ = 0;  // connections, and whoever closes it
  bool is_removed_ = false;
};

}  // namespace sluice::proxy
