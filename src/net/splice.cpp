#include "net/splice.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/assert.hpp"
#include "runtime/operation.hpp"

namespace sluice::net {

using runtime::Task;

namespace {

// How long a sink rests that is not ready and of which the kernel tells nothing but its peer's end.
constexpr Duration rest = std::chrono::milliseconds(10);

// Whoever begins within what a turn may move goes on to this much: a body of 64 KiB that is cut in two costs its two
// splices and its segment twice.
constexpr std::uint64_t piece_bytes_min = std::uint64_t{64} * 1024;

// Waits until `deadline`, or until `pace` (null: none) has its next look at how fast the peer is. True: it may be
// ready.
template <class Wait>
Task<Result<void>> wait_for_peer(const Stream& stream, Pace* pace, Instant deadline, Wait wait) {
  if (pace != nullptr && pace->has_fallen_behind()) co_return failure(ErrorCode::timed_out);
  const Instant begin = stream.loop().now();
  Result<void> ready = co_await wait(stream, pace == nullptr ? deadline : pace->deadline(begin, deadline));
  if (pace != nullptr) pace->note_wait(stream.loop().now() - begin);
  const bool is_window_over = !ready && ready.error().code == ErrorCode::timed_out && stream.loop().now() < deadline;
  co_return is_window_over ? Result<void>() : ready;
}

Task<Result<void>> wait_for_bytes(const Stream& from, Instant deadline) {
  Result<int> ready = co_await runtime::poll(from.fd(), POLLIN, deadline);
  if (!ready && ready.error().os_error != EINTR) co_return std::unexpected(ready.error());
  co_return Result<void>();
}

// Waits for room. A poll ends at once when the peer has sent FIN, whether it asks for that or not: looked at again and
// again, that would keep the processor busy for as long as a peer takes its time that has ended its own side.
Task<Result<void>> wait_for_room(const Stream& to, Instant deadline) {
  Result<int> ready = co_await runtime::poll(to.fd(), POLLOUT, deadline);
  if (!ready && ready.error().os_error != EINTR) co_return std::unexpected(ready.error());
  if (!ready || (*ready & (POLLOUT | POLLERR | POLLHUP)) != 0) co_return Result<void>();
  if (to.loop().now() >= deadline) co_return failure(ErrorCode::timed_out);
  co_return co_await runtime::sleep_until(std::min(deadline, to.loop().now() + rest));
}

bool passes(long result) { return result == -EAGAIN || result == -EINTR; }

}  // namespace

Task<SpliceOutcome> splice(Stream& from, Stream& to, std::uint64_t bytes, Pipe& pipe, Duration idle_timeout,
                           WhenDry when_dry) {
  SLUICE_ASSERT(!from.has_unread() && pipe.filled() == 0);
  runtime::Loop& loop = from.loop();
  SpliceOutcome outcome;
  std::uint64_t unread = bytes;  // still in the source
  bool source_open = !from.has_ended();
  Instant stall_end = Instant::never();  // never: something moved since the last wait
  while (outcome.moved < bytes) {
    // A sender that never pauses and a sink that always has room would keep everybody else waiting.
    std::uint64_t& left_this_turn = pipe.left_this_turn(loop.turn_number());
    if (left_this_turn == 0) {
      co_await runtime::Yield();
      continue;
    }
    bool progress = false;
    if (source_open && unread > 0 && pipe.filled() < pipe.capacity()) {
      const std::uint64_t share = std::max(left_this_turn, piece_bytes_min);
      long got = pipe.fill_from(from.fd(),
                                static_cast<std::size_t>(std::min<std::uint64_t>({unread, pipe.capacity(), share})));
      if (got > 0) {
        unread -= static_cast<std::uint64_t>(got);
        if (Pace* pace = from.pace_of_sending()) pace->note_bytes(static_cast<std::uint64_t>(got));
        progress = true;
      } else if (got == 0) {
        from.note_end(0);
        source_open = false;
      } else if (!passes(got)) {
        from.note_end(static_cast<int>(-got));
        source_open = false;
      }
    }
    if (pipe.filled() > 0) {
      long put = pipe.drain_to(to.fd());
      if (put > 0) {
        outcome.moved += static_cast<std::uint64_t>(put);
        to.note_sent(static_cast<std::uint64_t>(put));
        left_this_turn -= std::min(left_this_turn, static_cast<std::uint64_t>(put));
        progress = true;
      } else if (put < 0 && !passes(put)) {
        outcome.end = SpliceOutcome::End::sink_failed;
        outcome.error = connection_error(static_cast<int>(-put));
        co_return outcome;
      }
    }
    if (progress) {
      stall_end = Instant::never();
      continue;
    }
    if (pipe.filled() == 0 && !source_open) {
      // Now, or before this transfer began.
      outcome.end = from.has_failed() ? SpliceOutcome::End::source_failed : SpliceOutcome::End::source_ended;
      if (from.has_failed()) outcome.error = connection_error(from.receive_error());
      co_return outcome;
    }
    // With bytes in the pipe the sink is the one that is not ready; without, the source.
    const bool wait_for_sink = pipe.filled() > 0;
    if (!wait_for_sink && when_dry == WhenDry::ends) {
      outcome.end = SpliceOutcome::End::dry;
      co_return outcome;
    }
    if (stall_end.is_never()) stall_end = loop.now() + idle_timeout;
    if (wait_for_sink) {
      if (Result<void> room = co_await wait_for_peer(to, to.pace_of_taking(), stall_end, wait_for_room); !room) {
        outcome.end = SpliceOutcome::End::sink_failed;
        outcome.error = room.error();
        co_return outcome;
      }
      continue;
    }
    if (Result<void> bytes_came = co_await wait_for_peer(from, from.pace_of_sending(), stall_end, wait_for_bytes);
        !bytes_came) {
      outcome.end = SpliceOutcome::End::source_failed;
      outcome.error = bytes_came.error();
      co_return outcome;
    }
  }
  co_return outcome;
}

}  // namespace sluice::net
