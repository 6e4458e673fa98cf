#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "http/field.hpp"
#include "http/framing.hpp"
#include "http/reject.hpp"

// Decoders that take the framing off a body. Each is a little object, chosen once from the head's BodyFraming, fed with
// whatever bytes have come; payload is handed out in place.
namespace sluice::http {

enum class BodyState : std::uint8_t {
  need_more,  // the input is used up, more has to come
  data,       // `data` is payload; step again with the rest of the input
  done,       // the body is complete (`data` may hold its last payload); the rest of the input is the next message's
  rejected,   // broken framing; the connection is of no further use
};
[[nodiscard]] std::string_view to_string(BodyState state) noexcept;

struct BodyStep {
  BodyState state = BodyState::need_more;
  std::size_t consumed = 0;      // bytes of the input that are dealt with, `data` included
  std::string_view data;         // payload, a part of the input
  Reject reject = Reject::none;  // valid when rejected
};

// Payload of a known length (RFC 9112 §6.2). Length 0, and a message without a body, is done from the start.
class LengthDecoder {
 public:
  explicit LengthDecoder(std::uint64_t length) : remaining_(length) {}

  [[nodiscard]] BodyStep step(std::string_view in) noexcept;
  [[nodiscard]] bool is_done() const { return remaining_ == 0; }
  [[nodiscard]] std::uint64_t payload_remaining() const { return remaining_; }
  void advance(std::uint64_t bytes) noexcept;

 private:
  std::uint64_t remaining_;
};

// Payload that the end of the connection ends (RFC 9112 §6.3 rule 8).
class UntilCloseDecoder {
 public:
  [[nodiscard]] BodyStep step(std::string_view in) noexcept;
  [[nodiscard]] bool is_done() const { return false; }
  [[nodiscard]] std::uint64_t payload_remaining() const { return UINT64_MAX; }
  void advance(std::uint64_t) noexcept {}
};

// What: the chunked transfer coding (RFC 9112 §7.1), strictly: CRLF only, hexadecimal sizes that fit 63 bits,
// extensions of
//       printable bytes and bounded by limits::chunk_line_bytes_max. Extensions are dropped.
// Shard: any; a value.
// Lifetime: trailer_buffer outlives it and the views that trailer_section() returns.
// Invariants: chunk_remaining() is non-zero only inside chunk data; after `done` or `rejected` nothing changes.
class ChunkedDecoder {
 public:
  // trailer_buffer: bounds the trailer section (use limits::trailer_bytes_max); an empty one admits no trailers.
  explicit ChunkedDecoder(std::span<char> trailer_buffer) : trailer_buffer_(trailer_buffer) {}

  [[nodiscard]] BodyStep step(std::string_view in) noexcept;
  [[nodiscard]] bool is_done() const { return phase_ == Phase::done; }

  // Payload bytes left in the current chunk, which a pump may move without showing them; 0 between chunks.
  [[nodiscard]] std::uint64_t chunk_remaining() const { return phase_ == Phase::data ? remaining_ : 0; }
  [[nodiscard]] std::uint64_t payload_remaining() const { return chunk_remaining(); }
  // Tells that `bytes` of the payload went past this decoder; at most chunk_remaining().
  void advance(std::uint64_t bytes) noexcept;

  // The trailer lines of a body that is done, valid field lines each ended by CRLF; empty without trailers.
  [[nodiscard]] std::string_view trailer_section() const { return {trailer_buffer_.data(), trailer_size_}; }

 private:
  enum class Phase : std::uint8_t {
    // the chunk line
    size_first,
    size,
    size_space,
    extension,
    size_lf,
    // the chunk
    data,
    data_cr,
    data_lf,
    // behind the last chunk
    trailer_first,
    trailer_line,
    trailer_lf,
    last_lf,
    done,
    rejected
  };

  Reject take(char c) noexcept;
  Reject take_size(char c) noexcept;
  Reject take_behind_size(char c) noexcept;
  Reject take_extension(char c) noexcept;
  Reject take_size_lf(char c) noexcept;
  Reject take_trailer(char c) noexcept;
  Reject keep_trailer_byte(char c) noexcept;
  BodyStep verdict(std::size_t consumed) const noexcept;

  std::span<char> trailer_buffer_;
  std::uint64_t remaining_ = 0;  // the size while it is read, then payload left
  std::size_t trailer_size_ = 0;
  std::size_t line_bytes_ = 0;  // of the chunk line so far
  Phase phase_ = Phase::size_first;
  Reject reject_ = Reject::none;
};

// Parses a trailer section as ChunkedDecoder collected it. Fields that must not come in trailers (RFC 9110 §6.5.1:
// framing, routing, request modifiers, authentication, content description, and what this proxy writes itself) are
// dropped: a trailer is never merged into a head, so there is nothing to refuse a message for. Returns Reject::none, or
// why the section is malformed.
[[nodiscard]] Reject parse_trailers(std::string_view section, FieldList& out) noexcept;

// Whether a field may be forwarded in a trailer section.
[[nodiscard]] bool is_allowed_in_trailers(FieldId id) noexcept;

// The decoder for one body, whichever its framing is.
class BodyDecoder {
 public:
  BodyDecoder() : decoder_(LengthDecoder(0)) {}
  // trailer_buffer: as for ChunkedDecoder, which alone uses it.
  BodyDecoder(const BodyFraming& framing, std::span<char> trailer_buffer);

  [[nodiscard]] BodyStep step(std::string_view in) noexcept {
    return std::visit([in](auto& decoder) { return decoder.step(in); }, decoder_);
  }
  [[nodiscard]] bool is_done() const {
    return std::visit([](const auto& decoder) { return decoder.is_done(); }, decoder_);
  }
  // Bytes ahead that are payload without any framing between them, so that they may be spliced; UINT64_MAX: until the
  // end.
  [[nodiscard]] std::uint64_t payload_remaining() const {
    return std::visit([](const auto& decoder) { return decoder.payload_remaining(); }, decoder_);
  }
  // Tells that `bytes` of payload were moved past the decoder; at most payload_remaining().
  void advance(std::uint64_t bytes) noexcept {
    std::visit([bytes](auto& decoder) { decoder.advance(bytes); }, decoder_);
  }
  // Whether the message is whole if the connection ends now.
  [[nodiscard]] bool ends_at_close() const { return is_done() || std::holds_alternative<UntilCloseDecoder>(decoder_); }
  // Empty unless the body was chunked and has ended.
  [[nodiscard]] std::string_view trailer_section() const;

 private:
  std::variant<LengthDecoder, ChunkedDecoder, UntilCloseDecoder> decoder_;
};

}  // namespace sluice::http
