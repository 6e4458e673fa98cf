#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

// What nghttp2 calls; internal to the session.
namespace sluice::http {

class H2Memory;
class H2Session;
class H2Stream;

// What: the library's callbacks. They note on the session and its streams what happens, and call nobody else.
struct H2Callbacks {
  // A server's session that takes its memory from `memory`; null where there is none.
  [[nodiscard]] static nghttp2_session* open_server(H2Session& session, H2Memory& memory);
  // Where the body of a response is taken from.
  [[nodiscard]] static nghttp2_data_provider body_of(H2Stream& stream);

 private:
  [[nodiscard]] static nghttp2_session_callbacks* make();
  [[nodiscard]] static nghttp2_option* make_options();
  [[nodiscard]] static H2Stream* stream_of(nghttp2_session* library, std::int32_t id);

  static int on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* session);
  static int on_header(nghttp2_session* library, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes, std::uint8_t flags,
                       void* session);
  static int on_invalid_header(nghttp2_session* library, const nghttp2_frame* frame, const std::uint8_t* name,
                               std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                               std::uint8_t flags, void* session);
  static int on_data(nghttp2_session* library, std::uint8_t flags, std::int32_t id, const std::uint8_t* data,
                     std::size_t bytes, void* session);
  static int on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* session);
  static int on_close(nghttp2_session* library, std::int32_t id, std::uint32_t error, void* session);
  static int on_sent(nghttp2_session* library, const nghttp2_frame* frame, void* session);
  static ssize_t read_body(nghttp2_session* library, std::int32_t id, std::uint8_t* buffer, std::size_t bytes,
                           std::uint32_t* flags, nghttp2_data_source* source, void* session);
  static int send_body(nghttp2_session* library, nghttp2_frame* frame, const std::uint8_t* head, std::size_t bytes,
                       nghttp2_data_source* source, void* session);
  static void note_head(H2Session& session, H2Stream& stream, const nghttp2_frame& frame);
};

}  // namespace sluice::http
