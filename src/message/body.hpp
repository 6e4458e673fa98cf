#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "http/field.hpp"
#include "net/stream.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

// Payload of a body, valid until its source is read again.
struct BodyPiece {
  std::string_view data;
  bool is_last = false;  // the message ends behind this piece
};

// What: the body of one message that somebody sends us. Pulled: nothing is read that nobody asked for.
// Shard: one.
// Invariants: after a piece with is_last, or an error, it is not read again.
class BodySource {
 public:
  // What can be had without waiting.
  [[nodiscard]] virtual std::optional<Result<BodyPiece>> try_read() = 0;
  // Errors carry the side: closed (ended before the message did), malformed, reset, timed_out, cancelled.
  [[nodiscard]] virtual runtime::Task<Result<BodyPiece>> read() = 0;
  // The trailer fields, once the last piece was read.
  [[nodiscard]] virtual const http::FieldList& trailers() = 0;

  [[nodiscard]] virtual Side side() const = 0;
  // The socket behind it, where payload may be moved past read(); null where every byte must be seen.
  [[nodiscard]] virtual net::Stream* raw_stream() = 0;
  // How many of the bytes ahead are payload without framing in between; UINT64_MAX: until the sender closes.
  [[nodiscard]] virtual std::uint64_t payload_remaining() const = 0;
  // Receives no further bytes into buffers; what they hold already still comes out of try_read().
  [[nodiscard]] virtual runtime::Task<void> begin_raw() = 0;
  // `bytes` of payload were moved past read().
  virtual void advance(std::uint64_t bytes) = 0;

 protected:
  ~BodySource() = default;
};

// What: where the body of one message goes.
// Shard: one.
// Invariants: end() is called at most once, and nothing is written behind it.
class BodySink {
 public:
  // Takes a piece that fits into the send buffer; false (and nothing taken) when it does not.
  [[nodiscard]] virtual bool try_write(std::string_view data) = 0;
  // Errors carry the side: reset, timed_out, cancelled, exhausted.
  [[nodiscard]] virtual runtime::Task<Result<void>> write(std::string_view data) = 0;
  // Sends what is buffered.
  [[nodiscard]] virtual runtime::Task<Result<void>> flush() = 0;
  // Writes the end of the message and sends everything.
  [[nodiscard]] virtual runtime::Task<Result<void>> end(const http::FieldList& trailers) = 0;

  [[nodiscard]] virtual Side side() const = 0;
  // The socket behind it, where payload may be moved past write(); null where every byte must be seen.
  [[nodiscard]] virtual net::Stream* raw_stream() = 0;
  // Whether `bytes` can be announced ahead of a raw transfer: UINT64_MAX only where the end of the connection ends the
  // body.
  [[nodiscard]] virtual bool accepts_raw(std::uint64_t bytes) const = 0;
  // Announces `bytes` of payload and sends what is buffered; then they are moved to raw_stream().
  [[nodiscard]] virtual runtime::Task<Result<void>> begin_raw(std::uint64_t bytes) = 0;
  // They have been moved, all of them.
  [[nodiscard]] virtual Result<void> end_raw(std::uint64_t bytes) = 0;

 protected:
  ~BodySink() = default;
};

}  // namespace sluice::message
