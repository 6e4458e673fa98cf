#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "message/input.hpp"
#include "net/pipe_pool.hpp"
#include "net/stream.hpp"
#include "runtime/scope.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

struct TunnelSettings {
  Duration idle_timeout{};   // in which nothing moves in either direction
  Duration stall_timeout{};  // in which one side takes nothing of what waits for it
  bool may_splice = true;
  std::size_t long_receive_bytes = std::size_t{16} * 1024;  // a receive of so many bytes is one of many
};

// What: passes bytes on between two connections, both ways at once, until both sides have ended. The end of one side is
//       passed on behind its bytes, and the other direction goes on. While nothing moves it holds neither a receive
//       buffer nor a block nor a pipe.
// Shard: one.
// Lifetime: of one run(); the inputs outlive it.
// Invariants: bytes go on in their order, what the inputs hold already first; after the first failure nothing is sent.
class Tunnel final : private net::Stream::Observer {
 public:
  Tunnel(runtime::Strand& owner, Input& downstream, Input& upstream, net::PipePool& pipes,
         const TunnelSettings& settings);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Gives an error where the tunnel was cut instead: of a side that failed, or took nothing for too long (timed_out),
  // and with Side::local timed_out when nothing moved, or cancelled. Both connections are then to be reset.
  [[nodiscard]] runtime::Task<Result<void>> run();

 private:
  // One direction.
  struct Flow {
    Input& from;
    net::Stream& to;
    Side from_side;
    Side to_side;
    bool is_bulk = false;       // past the shared receive buffers: spliced, or copied through a block
    bool is_moving = false;     // has something to send, and so a deadline of its own
    unsigned alike_in_row = 0;  // long receives while it is not bulk, short ones while it is
  };

  void on_unread_input(net::Stream& stream) override;
  void fail(const Error& error);
  [[nodiscard]] runtime::Task<void> carry(Flow& flow);
  [[nodiscard]] runtime::Task<Result<bool>> copy(Flow& flow);
  [[nodiscard]] runtime::Task<Result<bool>> move_bulk(Flow& flow);
  [[nodiscard]] runtime::Task<Result<bool>> splice(Flow& flow, net::Pipe& pipe);
  [[nodiscard]] runtime::Task<Result<bool>> wait_for_bytes(Flow& flow);
  [[nodiscard]] runtime::Task<Result<bool>> wait_for_news(Flow& flow);
  [[nodiscard]] runtime::Task<Result<void>> send_received(Flow& flow);
  void note_moved(Flow& flow, std::uint64_t bytes);
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] Instant idle_deadline() const;
  [[nodiscard]] runtime::Loop& loop() const { return up_.to.loop(); }

  net::PipePool& pipes_;
  TunnelSettings settings_;
  Flow up_;
  Flow down_;
  Instant last_moved_;
  Result<void> result_;
  runtime::Scope flows_;
};

}  // namespace sluice::message
