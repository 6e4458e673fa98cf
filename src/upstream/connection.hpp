#pragma once

#include <cstdint>

#include "base/list.hpp"
#include "memory/block_pool.hpp"
#include "memory/pooled.hpp"
#include "message/input.hpp"
#include "message/output.hpp"
#include "net/stream.hpp"
#include "runtime/wheel.hpp"
#include "upstream/settings.hpp"

namespace sluice::upstream {

class Endpoint;

// What: one connection to an endpoint: in an exchange's hands, or idle in its endpoint's pool.
// Shard: one.
// Lifetime: allocated when connected; ended by Endpoint::discard or from within the pool.
// Invariants: idle means linked, receiving (so that the peer's close is noticed), with its timer armed.
class Connection final : public memory::Pooled, private net::Stream::Observer, private runtime::Timer {
 public:
  Connection(Endpoint& endpoint, runtime::Loop& loop, runtime::BufferRing& buffers, memory::BlockPool& gather_blocks,
             memory::BlockPool& send_blocks, int fd, unsigned share_max, ProxyProtocol proxy_protocol)
      : endpoint_(endpoint),
        stream_(loop, buffers, fd, share_max),
        input_(stream_, gather_blocks),
        output_(stream_, send_blocks),
        proxy_protocol_(proxy_protocol) {}
  ~Connection() = default;

  [[nodiscard]] Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] net::Stream& stream() { return stream_; }
  [[nodiscard]] message::Input& input() { return input_; }
  [[nodiscard]] message::Output& output() { return output_; }
  // It has carried an exchange before: the peer may have closed it without our knowing.
  [[nodiscard]] bool is_reused() const { return exchanges_ > 1; }
  // What it begins with; whoever connected writes it.
  [[nodiscard]] ProxyProtocol proxy_protocol() const { return proxy_protocol_; }
  // It says whose it is, and so serves nobody else.
  [[nodiscard]] bool is_private() const { return proxy_protocol_ != ProxyProtocol::off; }

 private:
  friend class Endpoint;
  friend class OwnConnections;
  void on_unread_input(net::Stream& stream) override;
  void on_deadline() override;

  Endpoint& endpoint_;
  net::Stream stream_;
  message::Input input_;
  message::Output output_;
  std::uint64_t exchanges_ = 0;
  ListHook idle_hook_;
  ListHook own_hook_;  // linked while it is idle and private
  ProxyProtocol proxy_protocol_;
};

// What: the idle connections that are private to one client.
// Shard: one. Lifetime: close_all() before it is destroyed.
// Invariants: each of them is in its endpoint's pool as well, which may close it at any time.
class OwnConnections {
 public:
  OwnConnections() = default;
  // The one to this endpoint that was used last, or null.
  [[nodiscard]] Connection* find(const Endpoint& endpoint) const;
  // Their client has gone. In the background.
  void close_all();

 private:
  friend class Endpoint;
  List<Connection, &Connection::own_hook_> connections_;
};

}  // namespace sluice::upstream
