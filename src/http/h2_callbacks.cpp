#include "http/h2_callbacks.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/assert.hpp"
#include "http/h2_memory.hpp"
#include "http/h2_session.hpp"
#include "http/h2_stream.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t frame_head_bytes = 9;
// A header block may unfold to so many times the largest head before its connection ends; one head too large is only
// refused.
constexpr std::size_t block_factor_max = 4;
// RFC 7541 §4.1: what a field is said to cost beside its text.
constexpr std::size_t field_overhead_bytes = 32;
// Answers to PING and SETTINGS that wait because the peer does not read them.
constexpr std::size_t acknowledgements_max = 256;
// More pieces than the heads of all the CONTINUATIONs that a block may have can come in.
constexpr std::size_t pieces_max = 1000;
// A client is given more windows back than it takes frames, for the stream and for the connection.
constexpr std::uint32_t window_updates_for_frame = 4;

H2Session& session_of(void* session) { return *static_cast<H2Session*>(session); }

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Whether we reset a stream with this code because of what the peer did.
bool is_provoked(std::uint32_t code) {
  switch (static_cast<H2Error>(code)) {
    case H2Error::no_error:
    case H2Error::cancel:
    case H2Error::internal_error:
      return false;
    default:
      return true;
  }
}

bool ends_stream(const nghttp2_frame_hd& head) { return (head.flags & NGHTTP2_FLAG_END_STREAM) != 0; }

}  // namespace

nghttp2_session_callbacks* H2Callbacks::make() {
  nghttp2_session_callbacks* all = nullptr;
  SLUICE_ASSERT(nghttp2_session_callbacks_new(&all) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(all, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(all, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(all, on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(all, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(all, on_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(all, on_sent);
  nghttp2_session_callbacks_set_send_data_callback(all, send_body);
  return all;
}

nghttp2_option* H2Callbacks::make_options() {
  nghttp2_option* options = nullptr;
  SLUICE_ASSERT(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_max_outbound_ack(options, acknowledgements_max);
  // The library counts one again for every piece in which its head comes; the session counts them right, and earlier.
  nghttp2_option_set_max_continuations(options, pieces_max);
  nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
  return options;
}

nghttp2_session* H2Callbacks::open_server(H2Session& session, H2Memory& memory) {
  static const nghttp2_session_callbacks* const callbacks = make();
  static const nghttp2_option* const options = make_options();
  nghttp2_mem hooks{};
  hooks.mem_user_data = &memory;
  hooks.malloc = [](std::size_t bytes, void* user) { return static_cast<H2Memory*>(user)->allocate(bytes); };
  hooks.free = [](void* at, void* user) { static_cast<H2Memory*>(user)->release(at); };
  hooks.calloc = [](std::size_t count, std::size_t bytes, void* user) -> void* {
    std::size_t whole = 0;
    if (__builtin_mul_overflow(count, bytes, &whole)) return nullptr;
    void* at = static_cast<H2Memory*>(user)->allocate(whole);
    if (at != nullptr) std::memset(at, 0, whole);
    return at;
  };
  hooks.realloc = [](void* at, std::size_t bytes, void* user) {
    return static_cast<H2Memory*>(user)->resize(at, bytes);
  };
  nghttp2_session* library = nullptr;
  if (nghttp2_session_server_new3(&library, callbacks, &session, options, &hooks) != 0) return nullptr;
  return library;
}

nghttp2_data_provider H2Callbacks::body_of(H2Stream& stream) {
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = read_body;
  return body;
}

H2Stream* H2Callbacks::stream_of(nghttp2_session* library, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(library, id));
}

int H2Callbacks::on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* session) {
  H2Session& self = session_of(session);
  self.block_bytes_ = 0;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  const std::int32_t id = frame->hd.stream_id;
  if (H2Stream* stream = self.begin_stream(id)) return nghttp2_session_set_stream_user_data(library, id, stream);
  // Streams that were reset are still being wound up behind us, too many of them.
  return nghttp2_submit_rst_stream(library, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
}

int H2Callbacks::on_header(nghttp2_session* library, const nghttp2_frame* frame, const std::uint8_t* name,
                           std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                           std::uint8_t /*flags*/, void* session) {
  H2Session& self = session_of(session);
  self.block_bytes_ += name_bytes + value_bytes + field_overhead_bytes;
  if (self.block_bytes_ > block_factor_max * self.settings_.head_bytes_max) return self.refuse(H2Flood::header_list);
  H2Stream* stream = stream_of(library, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream->head_.add(text_of(name, name_bytes), text_of(value, value_bytes));
    return 0;
  }
  const std::size_t line_bytes = name_bytes + value_bytes + 4;
  if (stream->trailers_.size() + line_bytes > self.settings_.trailer_bytes_max) {
    stream->has_too_long_trailers_ = true;
    return 0;
  }
  if (!is_h2_field(text_of(name, name_bytes), text_of(value, value_bytes))) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  stream->trailers_.append(text_of(name, name_bytes));
  stream->trailers_.append(": ");
  stream->trailers_.append(text_of(value, value_bytes));
  stream->trailers_.append("\r\n");
  return 0;
}

// RFC 9113 §8.1.1: the whole request is malformed; the library alone would leave the field out.
int H2Callbacks::on_invalid_header(nghttp2_session* /*library*/, const nghttp2_frame* /*frame*/,
                                   const std::uint8_t* /*name*/, std::size_t /*name_bytes*/,
                                   const std::uint8_t* /*value*/, std::size_t /*value_bytes*/, std::uint8_t /*flags*/,
                                   void* /*session*/) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Callbacks::on_data(nghttp2_session* library, std::uint8_t /*flags*/, std::int32_t id, const std::uint8_t* data,
                         std::size_t bytes, void* session) {
  H2Stream* stream = stream_of(library, id);
  // What is above the window ends the stream, but the library hands it out before that.
  const std::size_t room = session_of(session).received_max();
  if (stream == nullptr || stream->is_over_ || stream->received_bytes_.size() + bytes > room) {
    (void)nghttp2_session_consume(library, id, bytes);
    return 0;
  }
  stream->received_bytes_.append(text_of(data, bytes));
  session_of(session).change(*stream, H2Stream::received_);
  return 0;
}

void H2Callbacks::note_head(H2Session& session, H2Stream& stream, const nghttp2_frame& frame) {
  stream.head_.finish();
  stream.has_begun_ = true;
  stream.has_ended_ = stream.ended_with_head_ = ends_stream(frame.hd);
  session.change(stream, H2Stream::began | H2Stream::received_);
}

int H2Callbacks::on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* session) {
  H2Session& self = session_of(session);
  H2Stream* stream = frame->hd.stream_id == 0 ? nullptr : stream_of(library, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (stream == nullptr) break;
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        note_head(self, *stream, *frame);
        break;
      }
      stream->has_ended_ = true;
      self.change(*stream, H2Stream::received_);
      break;
    case NGHTTP2_DATA: {
      const bool is_padding = frame->hd.length != 0 && frame->data.padlen >= frame->hd.length;
      if (is_padding && !ends_stream(frame->hd)) return self.spend(H2Flood::empty_frames);
      if (stream == nullptr || !ends_stream(frame->hd)) break;
      stream->has_ended_ = true;
      self.change(*stream, H2Stream::received_);
      break;
    }
    case NGHTTP2_GOAWAY:
      self.end_.is_by_peer = true;
      self.end_.error = static_cast<H2Error>(frame->goaway.error_code);
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.note_echo(frame->ping.opaque_data);
      break;
    default:
      break;
  }
  return 0;
}

int H2Callbacks::on_close(nghttp2_session* library, std::int32_t id, std::uint32_t error, void* session) {
  H2Stream* stream = stream_of(library, id);
  if (stream == nullptr) return 0;
  H2Session& self = session_of(session);
  if (!stream->has_begun_) {
    self.free_stream(*stream);
  } else if (!stream->is_over_) {
    self.close_stream(*stream, static_cast<H2Error>(error));
  }
  return 0;
}

int H2Callbacks::on_sent(nghttp2_session* library, const nghttp2_frame* frame, void* session) {
  H2Session& self = session_of(session);
  switch (frame->hd.type) {
    case NGHTTP2_RST_STREAM:
      // While frames go out there is no place to stop: write() looks at it behind them.
      if (is_provoked(frame->rst_stream.error_code)) (void)self.spend(H2Flood::provoked_resets);
      break;
    case NGHTTP2_GOAWAY:
      if (!self.end_.is_by_peer) self.end_.error = static_cast<H2Error>(frame->goaway.error_code);
      break;
    case NGHTTP2_DATA:
      self.allowances_.earn(H2Flood::window_updates, window_updates_for_frame);
      [[fallthrough]];
    case NGHTTP2_HEADERS:
      if (!ends_stream(frame->hd)) break;
      if (H2Stream* stream = stream_of(library, frame->hd.stream_id)) {
        stream->was_answered_ = true;
        self.change(*stream, H2Stream::taken);
      }
      break;
    default:
      break;
  }
  return 0;
}

ssize_t H2Callbacks::read_body(nghttp2_session* library, std::int32_t id, std::uint8_t* /*buffer*/, std::size_t bytes,
                               std::uint32_t* flags, nghttp2_data_source* /*source*/, void* session) {
  H2Session& self = session_of(session);
  // Not by `source`: a stream that was released is reset, but may still be asked.
  H2Stream* stream = stream_of(library, id);
  if (stream == nullptr || stream->is_over_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (stream->offered_.empty() && !stream->is_last_offer_) return NGHTTP2_ERR_DEFERRED;
  const std::size_t room = self.out_.size() - self.out_used_ - frame_head_bytes;
  const std::size_t count = std::min({bytes, stream->offered_.size(), room});
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (count == stream->offered_.size() && stream->is_last_offer_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->last_fields_.size() != 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      self.submit_trailers(*stream);
    }
  }
  return static_cast<ssize_t>(count);
}

int H2Callbacks::send_body(nghttp2_session* library, nghttp2_frame* frame, const std::uint8_t* head, std::size_t bytes,
                           nghttp2_data_source* /*source*/, void* session) {
  H2Session& self = session_of(session);
  H2Stream* stream = stream_of(library, frame->hd.stream_id);
  SLUICE_ASSERT(stream != nullptr && bytes <= stream->offered_.size());
  char* at = self.out_.data() + self.out_used_;
  std::memcpy(at, head, frame_head_bytes);
  if (bytes != 0) std::memcpy(at + frame_head_bytes, stream->offered_.data(), bytes);
  self.out_used_ += frame_head_bytes + bytes;
  stream->offered_.remove_prefix(bytes);
  if (stream->offered_.empty()) self.change(*stream, H2Stream::taken);
  // The next one needs room, too.
  return self.out_.size() - self.out_used_ < H2Session::write_bytes_min ? NGHTTP2_ERR_PAUSE : 0;
}

}  // namespace sluice::http
