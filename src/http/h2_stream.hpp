#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/list.hpp"
#include "http/h2_error.hpp"
#include "http/h2_head.hpp"
#include "memory/pooled.hpp"
#include "memory/pooled_bytes.hpp"

namespace sluice::http {

class H2Session;

// What: bytes of a body that have come and were not read yet, in pieces of the FramePool.
// Shard: one. Invariants: no piece is empty.
class H2Bytes {
 public:
  H2Bytes() = default;
  H2Bytes(const H2Bytes&) = delete;
  H2Bytes& operator=(const H2Bytes&) = delete;
  ~H2Bytes() { clear(); }

  void append(std::string_view bytes);
  // The oldest ones that lie together; empty only where there are none. Valid until consume() has taken them all.
  [[nodiscard]] std::string_view front() const;
  void consume(std::size_t count);
  void clear();
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Piece;
  void drop_first();
  Piece* first_ = nullptr;
  Piece* last_ = nullptr;
  std::size_t size_ = 0;
};

// What: one request and its response on a connection of HTTP/2, seen from the server.
// Shard: one.
// Lifetime: from the beginning of its header block until the session's user releases it, also when the peer has ended
// it
//           before that.
// Invariants: received() never holds more than the stream's window.
class H2Stream final : public memory::Pooled {
 public:
  // What has changed since it was last looked at; bits of changes().
  enum Change : std::uint8_t {
    began = 1,      // its head is there
    received_ = 2,  // bytes, trailers, or the end of the request
    taken = 4,      // everything that was offered has been framed
    over = 8,       // it is closed: both sides have ended it, or one has reset it
  };

  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] const H2RequestText& head() const { return head_; }
  // The peer has sent END_STREAM: nothing comes behind what was received.
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] bool ended_with_head() const { return ended_with_head_; }
  [[nodiscard]] const H2Bytes& received() const { return received_bytes_; }
  // Trailer lines, each ended by CRLF, as http::parse_trailers() takes them; complete once has_ended().
  [[nodiscard]] std::string_view trailers() const { return trailers_.view(); }
  // More of them came than are kept.
  [[nodiscard]] bool has_too_long_trailers() const { return has_too_long_trailers_; }

  [[nodiscard]] bool is_over() const { return is_over_; }
  // With is_over(): the code with which it was reset; no_error where both sides ended it.
  [[nodiscard]] H2Error error() const { return error_; }
  // The peer was sent END_STREAM.
  [[nodiscard]] bool was_answered() const { return was_answered_; }

  [[nodiscard]] std::size_t offered() const { return offered_.size(); }

  // Whoever uses the stream leaves here what finds it again.
  void set_user(void* user) { user_ = user; }
  [[nodiscard]] void* user() const { return user_; }
  [[nodiscard]] unsigned take_changes() { return std::exchange(changes_, 0U); }

 private:
  friend class H2Session;
  friend struct H2Callbacks;
  H2Stream(std::int32_t id, std::size_t head_bytes_max) : id_(id), head_(head_bytes_max) {}

  std::int32_t id_;
  H2RequestText head_;
  H2Bytes received_bytes_;
  memory::PooledBytes trailers_;
  std::string_view offered_;
  memory::PooledBytes last_fields_;  // the trailers that end our response; lines of HTTP/1
  void* user_ = nullptr;
  ListHook all_hook_;
  ListHook changed_hook_;
  unsigned changes_ = 0;
  H2Error error_ = H2Error::no_error;
  bool has_begun_ = false;  // it was told of
  bool has_ended_ = false;
  bool ended_with_head_ = false;
  bool has_too_long_trailers_ = false;
  bool is_last_offer_ = false;
  bool has_response_ = false;
  bool was_answered_ = false;
  bool is_over_ = false;
};

}  // namespace sluice::http
