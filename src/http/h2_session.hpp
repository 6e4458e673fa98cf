#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/list.hpp"
#include "http/h2_allowance.hpp"
#include "http/h2_error.hpp"
#include "http/h2_frame_heads.hpp"
#include "http/h2_memory.hpp"
#include "http/h2_stream.hpp"

struct nghttp2_session;

namespace sluice::http {

struct H2Settings {
  std::uint32_t streams_max = 128;                               // at once, SETTINGS_MAX_CONCURRENT_STREAMS
  std::uint32_t stream_window = std::uint32_t{64} * 1024;        // bytes of a request body that are held for one stream
  std::uint32_t connection_window = std::uint32_t{1024} * 1024;  // and for all of them together
  std::size_t head_bytes_max = limits::head_bytes_max;
  std::size_t trailer_bytes_max = limits::trailer_bytes_max;
  std::size_t memory_max = std::size_t{1024} * 1024;  // of the library: tables of HPACK, streams, frames that wait
};

// How a session came to its end.
struct H2End {
  H2Error error = H2Error::no_error;  // of the GOAWAY
  bool is_by_peer = false;            // the peer's GOAWAY, not ours
  H2Flood flood = H2Flood::none;      // why we sent enhance_your_calm
};

// What: the server's side of one HTTP/2 connection (RFC 9113), over bytes: what came goes in, what is to be sent comes
//       out. nghttp2 does the frames and HPACK; here is what it leaves open: bounds, floods, flow control by what the
//       user has read, and heads as http/parser wants them.
// Shard: one.
// Lifetime: outlives its streams; a stream that was told of stays until release().
// Invariants: nothing outside is called from within: what happens is noted on the stream, and next_changed() gives it
//             out. No more than twice streams_max streams exist, those included that the peer has reset. Nothing is
//             taken in behind the first error of the connection.
class H2Session {
 public:
  // Null when there is no memory for one. A peer's connection preface is expected first; ours is the first that write()
  // gives.
  [[nodiscard]] static std::unique_ptr<H2Session> open(const H2Settings& settings);
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;
  // Every stream has been released.
  ~H2Session();

  // Takes all of `bytes`, which may be cut anywhere; what they break is answered by write().
  void receive(std::string_view bytes, Instant now);
  // A stream on which something has changed, or null. Asked for behind receive() and write() until it is null.
  [[nodiscard]] H2Stream* next_changed();

  // At least so much room is given to write().
  static constexpr std::size_t write_bytes_min = 64;
  // Fills `out` with what is to be sent; gives how much that was.
  [[nodiscard]] std::size_t write(std::span<char> out);
  [[nodiscard]] bool wants_write() const;
  // Everything was said, and nothing more will be listened to.
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] const H2End& end() const { return end_; }
  // Streams that the peer has open, or we have not released.
  [[nodiscard]] std::size_t streams() const { return stream_count_; }
  // What is held for it and its streams, but for heads and bodies.
  [[nodiscard]] std::size_t library_bytes() const { return memory_.bytes_out(); }

  // Tells the peer that no further streams are taken, with room for those that are on their way (RFC 9113 §6.8).
  void begin_drain();
  // Ends the connection now: GOAWAY, and nothing behind it.
  void terminate(H2Error error);

  // Each of these has no effect on a stream that is over.
  // An interim response. head: as http/writer wrote it.
  void send_interim(H2Stream& stream, std::string_view head);
  // The head of the response; one with more than 256 fields resets the stream. is_whole: nothing follows, not even
  // trailers.
  void send_head(H2Stream& stream, std::string_view head, bool is_whole);
  // What comes next of the body: it stays where it is until it has been framed (`taken`). One offer at a time.
  void offer(H2Stream& stream, std::string_view bytes);
  // Takes back what has not been framed of it.
  void withdraw(H2Stream& stream);
  // Behind the last offer: the response has ended. trailers: lines, each ended by CRLF; may be empty.
  void end_response(H2Stream& stream, std::string_view trailers);
  // The user has read so much of what was received: the peer may send as much again.
  void consume(H2Stream& stream, std::size_t bytes);
  void reset(H2Stream& stream, H2Error error);
  // The user is done with it. One that is still open is reset: no_error where the response was whole, so that the
  // client stops sending (RFC 9113 §8.1), cancel otherwise.
  void release(H2Stream& stream);

 private:
  friend struct H2Callbacks;
  explicit H2Session(const H2Settings& settings);
  [[nodiscard]] bool begin();
  void change(H2Stream& stream, unsigned changes);
  void fail(int library_error);
  void abandon_streams();
  void close_stream(H2Stream& stream, H2Error error);
  void submit_trailers(H2Stream& stream);
  // The peer has echoed a PING.
  void note_echo(const std::uint8_t* opaque);
  [[nodiscard]] H2Stream* begin_stream(std::int32_t id);
  void free_stream(H2Stream& stream);
  // False: the peer floods us.
  [[nodiscard]] bool count(const H2FrameHead& head);
  // Notes that the peer has sent too much of something; 0, or what makes the library stop.
  [[nodiscard]] int spend(H2Flood kind);
  [[nodiscard]] int refuse(H2Flood kind);
  // A client that has not seen our SETTINGS yet goes by the window that RFC 9113 §6.9.2 begins with.
  [[nodiscard]] std::size_t received_max() const { return std::max(settings_.stream_window, std::uint32_t{65535}); }
  [[nodiscard]] std::size_t streams_alive_max() const { return std::size_t{2} * settings_.streams_max; }

  H2Settings settings_;
  H2Memory memory_;
  nghttp2_session* library_ = nullptr;
  H2FrameHeads heads_;
  H2Allowances allowances_;
  H2End end_;
  Instant now_;
  List<H2Stream, &H2Stream::all_hook_> streams_;
  List<H2Stream, &H2Stream::changed_hook_> changed_;
  std::size_t stream_count_ = 0;
  std::string_view unsent_;  // the rest of a frame, in memory of the library
  std::span<char> out_;      // of the write() that runs
  std::size_t out_used_ = 0;
  std::size_t block_bytes_ = 0;  // to which the header block that is being received has unfolded
  unsigned block_frames_ = 0;    // of CONTINUATION, in that block
  bool is_draining_ = false;
  bool is_stopped_ = false;  // it was terminated here
  bool is_over_ = false;     // there is nothing left that it could do
};

}  // namespace sluice::http
