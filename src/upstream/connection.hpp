#pragma once

#include <cstdint>

#include "base/list.hpp"
#include "memory/block_pool.hpp"
#include "memory/pooled.hpp"
#include "message/input.hpp"
#include "message/output.hpp"
#include "net/stream.hpp"
#include "runtime/wheel.hpp"

namespace sluice::upstream {

class Endpoint;

// What: one connection to an endpoint: in an exchange's hands, or idle in its endpoint's pool.
// Shard: one.
// Lifetime: allocated when connected; ended by Endpoint::discard or from within the pool.
// Invariants: idle means linked, receiving (so that the peer's close is noticed), with its timer armed.
class Connection final : public memory::Pooled, private net::Stream::Observer, private runtime::Timer {
 public:
  Connection(Endpoint& endpoint, runtime::Loop& loop, runtime::BufferRing& buffers, memory::BlockPool& gather_blocks,
             memory::BlockPool& send_blocks, int fd, unsigned share_max)
      : endpoint_(endpoint),
        stream_(loop, buffers, fd, share_max),
        input_(stream_, gather_blocks),
        output_(stream_, send_blocks) {}
  ~Connection() = default;

  [[nodiscard]] Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] net::Stream& stream() { return stream_; }
  [[nodiscard]] message::Input& input() { return input_; }
  [[nodiscard]] message::Output& output() { return output_; }
  // It has carried an exchange before: the peer may have closed it without our knowing.
  [[nodiscard]] bool is_reused() const { return exchanges_ > 1; }

 private:
  friend class Endpoint;
  void on_unread_input(net::Stream& stream) override;
  void on_deadline() override;

  Endpoint& endpoint_;
  net::Stream stream_;
  message::Input input_;
  message::Output output_;
  std::uint64_t exchanges_ = 0;
  ListHook idle_hook_;
};

}  // namespace sluice::upstream
