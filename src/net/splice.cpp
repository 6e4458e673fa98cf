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
  Instant last_progress = loop.now();
  while (outcome.moved < bytes) {
    // A sender that never pauses and a sink that always has room would keep everybody else waiting.
    std::uint64_t& left_this_turn = pipe.left_this_turn(loop.turn_number());
    if (left_this_turn == 0) {
      co_await runtime::Yield();
      continue;
    }
    bool progress = false;
    if (source_open && unread > 0 && pipe.filled() < pipe.capacity()) {
      long got = pipe.fill_from(
          from.fd(), static_cast<std::size_t>(std::min<std::uint64_t>({unread, pipe.capacity(), left_this_turn})));
      if (got > 0) {
        unread -= static_cast<std::uint64_t>(got);
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
        outcome.error = error_from_errno(static_cast<int>(-put));
        co_return outcome;
      }
    }
    if (progress) {
      last_progress = loop.now();
      continue;
    }
    if (pipe.filled() == 0 && !source_open) {
      // Now, or before this transfer began.
      outcome.end = from.has_failed() ? SpliceOutcome::End::source_failed : SpliceOutcome::End::source_ended;
      if (from.has_failed()) outcome.error = error_from_errno(from.receive_error());
      co_return outcome;
    }
    // With bytes in the pipe the sink is the one that is not ready; without, the source.
    const bool wait_for_sink = pipe.filled() > 0;
    if (!wait_for_sink && when_dry == WhenDry::ends) {
      outcome.end = SpliceOutcome::End::dry;
      co_return outcome;
    }
    if (wait_for_sink) {
      if (Result<void> room = co_await wait_for_room(to, last_progress + idle_timeout); !room) {
        outcome.end = SpliceOutcome::End::sink_failed;
        outcome.error = room.error();
        co_return outcome;
      }
      continue;
    }
    Result<int> ready = co_await runtime::poll(from.fd(), POLLIN, last_progress + idle_timeout);
    if (!ready && ready.error().os_error != EINTR) {
      outcome.end = SpliceOutcome::End::source_failed;
      outcome.error = ready.error();
      co_return outcome;
    }
  }
  co_return outcome;
}

}  // namespace sluice::net
