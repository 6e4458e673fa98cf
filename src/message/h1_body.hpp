#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "http/body.hpp"
#include "http/framing.hpp"
#include "memory/pooled.hpp"
#include "message/body.hpp"
#include "message/input.hpp"
#include "message/output.hpp"

namespace sluice::message {

// What: the body of a message on an HTTP/1 connection, taken out of its framing.
// Shard: one. Lifetime: within one exchange; the Input outlives it.
// Invariants: consumes exactly the message and nothing behind it.
class H1BodySource final : public BodySource {
 public:
  // side: whom errors are blamed on. trailer_bytes_max: bound of the trailer section. idle_timeout: for each read.
  H1BodySource(Input& input, Side side, const http::BodyFraming& framing, std::size_t trailer_bytes_max,
               Duration idle_timeout);
  ~H1BodySource();
  H1BodySource(const H1BodySource&) = delete;
  H1BodySource& operator=(const H1BodySource&) = delete;

  void set_idle_timeout(Duration idle_timeout) { idle_timeout_ = idle_timeout; }
  // More payload than that is an error, `too_large`.
  void set_payload_bytes_max(std::uint64_t bytes) { payload_bytes_max_ = bytes; }
  // A body that is long, or of which so much has come without an end in sight, is not received into shared buffers.
  static constexpr std::uint64_t long_body_bytes = std::uint64_t{64} * 1024;
  // Everything of the message has been read.
  [[nodiscard]] bool is_done() const { return decoder_.is_done() || at_end_; }
  // Why the last error was `malformed`.
  [[nodiscard]] http::Reject reject() const { return reject_; }
  // Payload of it was moved past read().
  [[nodiscard]] bool has_been_raw() const { return has_been_raw_; }
  [[nodiscard]] std::uint64_t payload_bytes() const { return payload_bytes_; }

  [[nodiscard]] std::optional<Result<BodyPiece>> try_read() override;
  [[nodiscard]] runtime::Task<Result<BodyPiece>> read() override;
  [[nodiscard]] const http::FieldList& trailers() override { return trailers_ ? trailers_->fields : no_trailers; }
  [[nodiscard]] Side side() const override { return side_; }
  [[nodiscard]] net::Stream* raw_stream() override { return &input_.stream(); }
  // Not past the bound: what may not be read is not moved past read() either.
  [[nodiscard]] std::uint64_t payload_remaining() const override {
    const std::uint64_t allowed = payload_bytes_max_ - std::min(payload_bytes_, payload_bytes_max_);
    return payload_bytes_max_ == UINT64_MAX ? decoder_.payload_remaining()
                                            : std::min(decoder_.payload_remaining(), allowed);
  }
  [[nodiscard]] runtime::Task<void> begin_raw() override {
    has_been_raw_ = true;
    return input_.stream().stop_receiving();
  }
  void advance(std::uint64_t bytes) override {
    payload_bytes_ += bytes;
    decoder_.advance(bytes);
  }

 private:
  // Few messages have trailers: their fields get memory when they come.
  struct Trailers : memory::Pooled {
    http::FieldList fields;
  };
  static const http::FieldList no_trailers;

  [[nodiscard]] std::optional<Result<BodyPiece>> step();
  [[nodiscard]] Result<BodyPiece> piece_of(std::string_view data);
  [[nodiscard]] Result<BodyPiece> last_piece(std::string_view data);
  [[nodiscard]] std::unexpected<Error> blame(Error error) const;

  Input& input_;
  Side side_;
  http::BodyDecoder decoder_;
  std::size_t trailer_bytes_;
  char* trailer_buffer_;
  Duration idle_timeout_;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t payload_bytes_max_ = UINT64_MAX;
  http::Reject reject_ = http::Reject::none;
  std::unique_ptr<Trailers> trailers_;
  bool has_been_raw_ = false;
  bool at_end_ = false;  // the connection ended, and with it a body that only that could end
};

// What: the body of a message on an HTTP/1 connection, put into its framing.
// Shard: one. Lifetime: within one exchange; the Output outlives it.
// Invariants: with a known length, never writes more than that, and end() asserts that it was all.
class H1BodySink final : public BodySink {
 public:
  // The head has been appended to `output`, announcing `framing`. side: whom errors are blamed on.
  H1BodySink(Output& output, Side side, const http::BodyFraming& framing, Duration idle_timeout);

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  // The connection is closed behind this message.
  void closes_behind() { behind_ = net::Stream::Behind::close; }

  [[nodiscard]] bool try_write(std::string_view data) override;
  [[nodiscard]] runtime::Task<Result<void>> write(std::string_view data) override;
  [[nodiscard]] runtime::Task<Result<void>> flush() override;
  [[nodiscard]] runtime::Task<Result<void>> end(const http::FieldList& trailers) override;
  [[nodiscard]] Side side() const override { return side_; }
  [[nodiscard]] net::Stream* raw_stream() override { return &output_.stream(); }
  [[nodiscard]] bool accepts_raw(std::uint64_t bytes) const override;
  [[nodiscard]] runtime::Task<Result<void>> begin_raw(std::uint64_t bytes) override;
  [[nodiscard]] Result<void> end_raw(std::uint64_t bytes) override;

 private:
  void account(std::uint64_t bytes);
  [[nodiscard]] runtime::Task<Result<void>> send_framed(std::string_view data);
  [[nodiscard]] std::unexpected<Error> blame(Error error) const;

  Output& output_;
  Side side_;
  http::BodyFraming framing_;
  std::uint64_t written_ = 0;
  Duration idle_timeout_;
  net::Stream::Behind behind_ = net::Stream::Behind::more;
  bool has_ended_ = false;
};

}  // namespace sluice::message
