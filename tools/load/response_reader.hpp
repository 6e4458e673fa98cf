#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/body.hpp"
#include "http/head.hpp"

namespace sluice::load {

// What is expected of each response's body beside whole framing.
struct BodyExpectation {
  bool checksum = false;               // the one that X-Checksum names
  std::optional<std::uint64_t> bytes;  // the length
};

// What: reads one response after the other out of the bytes of a connection, however they are cut, and keeps nothing of
//       them but what is counted.
// Shard: one. Lifetime: `scratch` outlives it.
// Invariants: between responses it holds no memory that grew with one, but a head's that spanned pieces.
class ResponseReader {
 public:
  enum class State : std::uint8_t { more, done, malformed };
  struct Step {
    State state = State::more;
    std::size_t consumed = 0;
  };

  // scratch: where heads are parsed; may be shared by all readers of a thread.
  ResponseReader(http::Method method, const BodyExpectation& expectation, http::ResponseHead& scratch)
      : scratch_(&scratch), expectation_(expectation), method_(method) {}

  // Before the first response, and between two.
  void begin();
  // The next bytes. After `done` what was not consumed belongs to the next response.
  [[nodiscard]] Step step(std::string_view bytes);
  // How many of the next bytes are payload that nobody looks at; skip() tells that so many of them were thrown away.
  [[nodiscard]] std::uint64_t skippable() const {
    return has_head_ && !expectation_.checksum ? decoder_.payload_remaining() : 0;
  }
  [[nodiscard]] State skip(std::uint64_t bytes);
  // The connection has ended in order: whether that ends a response, which is then done.
  [[nodiscard]] bool ends_at_close() const { return has_head_ && decoder_.ends_at_close(); }
  // Something of a response has come, and not all of it.
  [[nodiscard]] bool is_inside() const { return has_head_ || !head_.empty(); }

  // Of the response that is done.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] bool keeps_alive() const { return keeps_alive_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }
  [[nodiscard]] bool is_as_expected() const;

 private:
  [[nodiscard]] Step step_head(std::string_view bytes);
  [[nodiscard]] Step step_body(std::string_view bytes);
  void take_head();

  http::ResponseHead* scratch_;
  BodyExpectation expectation_;
  http::Method method_;
  bool has_head_ = false;
  bool keeps_alive_ = false;
  int status_ = 0;
  std::string head_;            // so far, where it spans pieces
  std::vector<char> trailers_;  // once a chunked body came
  http::BodyDecoder decoder_;
  std::uint64_t body_bytes_ = 0;
  std::uint32_t checksum_ = 0;
  std::optional<std::uint32_t> checksum_wanted_;
};

}  // namespace sluice::load
