#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/pace.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/joined.hpp"
#include "runtime/loop.hpp"
#include "runtime/operation.hpp"
#include "runtime/task.hpp"

namespace sluice::net {

// What: a connected stream socket. It receives with one multishot operation into the shard's provided buffers, so an
//       idle connection costs no buffer and a small message no extra submission; for long bodies the multishot is
//       stopped and single receives or splices follow.
// Shard: one.
// Lifetime: close() has ended before it is destroyed.
// Invariants: at most one reader and one writer at a time. Bytes come out in order, queue first. After the first end,
//             eof or error, nothing more is received, and the first error is kept.
class Stream final : private runtime::Operation, private runtime::BufferRing::Starved {
 public:
  // Told when something arrives (bytes, eof, an error) and nobody waits in read(), and of what watch_for() asked for.
  class Observer {
   public:
    virtual void on_unread_input(Stream& stream) = 0;

   protected:
    ~Observer() = default;
  };
  // Which end of the peer is told of while nothing is received from it: bytes that nobody has asked for may be in front
  // of it. A FIN behind more of them than the kernel's buffer takes is never seen.
  enum class WatchFor : unsigned char { nothing, reset, end };
  enum class ReceiveState : unsigned char {
    idle,      // nothing in flight
    armed,     // the multishot is in flight
    stopping,  // its cancel is on the way
    starved,   // ended with ENOBUFS, waits for buffers
    ended,     // eof or failed: nothing will come
  };

  // How the next receive is armed. Where a long body is likely to follow a head, one short receive that ends by itself
  // is cheaper than a multishot that has to be cancelled.
  enum class ReceiveMode : unsigned char { multishot, single };

  // Owns fd from here on. share_max: received buffers it may hold unread before it pauses.
  Stream(runtime::Loop& loop, runtime::BufferRing& buffers, int fd, unsigned share_max);
  ~Stream();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] runtime::Loop& loop() const { return loop_; }
  // What the kernel has taken from us so far, spliced payload included.
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  void note_sent(std::uint64_t bytes) { note_taken(bytes); }
  [[nodiscard]] ReceiveState receive_state() const { return state_; }
  // The peer will send no more (eof or failed), and everything that it sent has been read.
  [[nodiscard]] bool has_ended() const { return state_ == ReceiveState::ended && queue_.is_empty(); }
  // As has_ended, but what was received may still be unread.
  [[nodiscard]] bool will_receive_no_more() const { return state_ == ReceiveState::ended; }
  [[nodiscard]] bool has_failed() const { return receive_error_ != 0; }
  // How fast the peer has to be from here on, in sending and in taking; null: as it likes. They outlive the stream, or
  // are taken back.
  void set_paces(Pace* sends, Pace* takes) {
    sends_ = sends;
    takes_ = takes;
  }
  [[nodiscard]] Pace* pace_of_sending() const { return sends_; }
  [[nodiscard]] Pace* pace_of_taking() const { return takes_; }
  void watch_for(WatchFor what);
  // What it watches for has been seen, while nothing was received.
  [[nodiscard]] bool has_seen_end() const {
    return (watch_for_ == WatchFor::end && watch_.has_seen_fin) || has_seen_reset();
  }
  [[nodiscard]] bool has_seen_reset() const { return watch_for_ != WatchFor::nothing && watch_.has_seen_reset; }
  // errno of what ended receiving; 0 at eof, and before the end.
  [[nodiscard]] int receive_error() const { return receive_error_; }
  [[nodiscard]] bool has_unread() const { return !queue_.is_empty(); }
  void set_observer(Observer* observer) { observer_ = observer; }

  void set_receive_mode(ReceiveMode mode) { mode_ = mode; }
  // It is a unix socket, on which a multishot may overlook the end: it receives once at a time, whatever the mode.
  void note_unix() { is_unix_ = true; }
  // Starts to receive ahead of the first read.
  void start_receiving();
  // No more than what has been received already will arrive in the queue; joined when it returns. Uncancellable.
  runtime::Task<void> stop_receiving();

  // What a read does when bytes have come and the shard has no buffer for them.
  enum class OnShortage : unsigned char {
    wait,  // until one comes back
    tell,  // ends with `exhausted`: the bytes can be had with read_into()
  };

  // What: waiting for received bytes. Gives a Slice; an empty one is eof. Errors: reset, timed_out, cancelled, system,
  // exhausted (OnShortage::tell).
  class Read final : public runtime::Suspension, public runtime::Timer {
   public:
    Read(Stream& stream, Instant deadline, OnShortage on_shortage)
        : stream_(stream), deadline_(deadline), on_shortage_(on_shortage) {}
    bool await_ready() const noexcept { return stream_.can_read_now(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
      return begin(handle, handle.promise().strand());
    }
    Result<runtime::Slice> await_resume() noexcept;

   private:
    friend class Stream;
    [[nodiscard]] bool begin(std::coroutine_handle<> handle, runtime::Strand& strand);
    void end();
    void end_later();
    void on_deadline() override;
    void on_cancelled() override;
    Stream& stream_;
    Instant deadline_;
    OnShortage on_shortage_;
    Result<void> outcome_;
  };
  [[nodiscard]] Read read(Instant deadline, OnShortage on_shortage = OnShortage::wait) {
    return {*this, deadline, on_shortage};
  }
  // What has been received already; nothing when there is none.
  [[nodiscard]] std::optional<runtime::Slice> try_read() {
    if (queue_.is_empty()) return std::nullopt;
    return queue_.pop();
  }

  // Receives into memory of the caller's, past the queue: only while the multishot is stopped and the queue is empty.
  // Gives the number of bytes, 0 at eof.
  runtime::Task<Result<std::size_t>> read_into(std::span<char> memory, Instant deadline);

  // What comes behind what is written.
  enum class Behind : unsigned char {
    more,   // or nothing for now
    close,  // at once: the kernel keeps the last bytes for the segment that has the FIN
  };
  // Sends everything. idle_timeout: how long the peer may take none of it. resume: with_next_event only if nothing but
  // bookkeeping follows. Errors: reset, timed_out, cancelled, system.
  runtime::Task<Result<void>> write(std::string_view bytes, Duration idle_timeout,
                                    runtime::Resume resume = runtime::Resume::at_once, Behind behind = Behind::more);
  // Sends what the socket takes without waiting; gives the number of bytes. Errors: as of write().
  runtime::Task<Result<std::size_t>> write_now(std::string_view bytes);
  // Sends first, then second, in as few operations as the socket allows.
  runtime::Task<Result<void>> write(std::string_view first, std::string_view second, Duration idle_timeout);

  // Both directions end at once: whoever waits for the peer is woken by an eof.
  void shut_down();
  // Sends what the socket takes at once, and tells the kernel that more follows; 0 also where it failed: the next write
  // says why.
  [[nodiscard]] std::size_t try_send_ahead(std::string_view bytes);

  // FIN: we will send no more.
  void shut_down_writing();
  // Closing will send RST: what was sent so far must not look complete.
  void abort_on_close();
  // Cancels what is in flight, joins it, releases the descriptor. Uncancellable; once.
  runtime::Task<void> close();

  // For whoever moves bytes past read(): splice saw the end, or an error, itself.
  void note_end(int errno_value);

 private:
  // What: a poll for the end of the peer. It begins once it has been wanted for a while, so that connections that end
  //       soon do without, and stays in flight until the stream is closed: unlike a receive it costs nothing while
  //       nothing ends.
  class Watch final : public runtime::Operation, public runtime::Timer {
   public:
    explicit Watch(Stream& stream) : stream_(stream) {}
    bool has_seen_fin = false;
    bool has_seen_reset = false;
    runtime::Joined* joiner = nullptr;

   private:
    void on_completion(int result, unsigned flags) override;
    void on_joined() override { (void)runtime::Joined::wake(joiner); }
    void on_deadline() override { stream_.begin_watch(); }
    Stream& stream_;
  };
  template <class Send>
  [[nodiscard]] runtime::Task<Result<std::size_t>> send_waiting(Instant idle_end, Send send);
  void note_taken(std::size_t bytes);
  [[nodiscard]] bool can_read_now() const { return !queue_.is_empty() || state_ == ReceiveState::ended; }
  void arm();
  void on_completion(int result, unsigned flags) override;
  void on_joined() override;
  void on_buffers() override;
  void settle(int result);
  void announce();
  [[nodiscard]] bool wants_watch() const;
  void watch();
  void begin_watch();

  runtime::Loop& loop_;
  runtime::BufferRing& buffers_;
  runtime::SliceQueue queue_;
  Read* reader_ = nullptr;
  runtime::Joined* joiner_ = nullptr;
  Observer* observer_ = nullptr;
  Pace* sends_ = nullptr;
  Pace* takes_ = nullptr;
  int fd_;
  std::uint64_t bytes_sent_ = 0;
  int receive_error_ = 0;  // errno; 0 at eof
  unsigned share_max_;
  Watch watch_;
  WatchFor watch_for_ = WatchFor::nothing;
  ReceiveState state_ = ReceiveState::idle;
  ReceiveMode mode_ = ReceiveMode::multishot;
  bool is_unix_ = false;
  bool is_closing_ = false;
  bool holds_last_bytes_ = false;  // the kernel does, until we say that they were the last
  bool may_rearm_ = true;          // not while stopped for a splice, nor once closing
};

// What an errno of a connection that stood says: that the kernel gave the peer up (ETIMEDOUT, EHOSTUNREACH) is a reset,
// and no deadline of ours that has passed, nor a connection that was not to be had.
[[nodiscard]] Error connection_error(int errno_value) noexcept;

[[nodiscard]] std::string_view to_string(Stream::ReceiveState state) noexcept;

}  // namespace sluice::net
