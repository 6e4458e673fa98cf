#include "http/h2_session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "http/h2_callbacks.hpp"

namespace sluice::http {
namespace {

// More than the fields of an endpoint, what we add, and what edits add that somebody has written.
constexpr std::size_t response_fields_max = 2 * FieldList::capacity;

// Frames of CONTINUATION behind one HEADERS.
constexpr unsigned continuations_max = 8;

// What a drain asks the peer to echo, to know that it has seen the first GOAWAY.
constexpr std::array<std::uint8_t, 8> drain_mark = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

std::uint8_t* bytes_of(std::string_view text) {
  // The library copies what it is given, and takes it without const for historical reasons.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

// What: the fields of a head as the library takes them.
// Lifetime: of one call; views.
class NameValues {
 public:
  void add(std::string_view name, std::string_view value) {
    if (count_ == list_.size()) {
      is_too_many_ = true;
      return;
    }
    list_[count_++] = {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  }
  void add_fields(std::string_view head) {
    for_each_h2_field(head, [this](std::string_view name, std::string_view value) { add(name, value); });
  }
  // "HTTP/1.1 200 OK": the status alone goes on (RFC 9113 §8.3.2).
  void add_status(std::string_view head) { add(":status", head.substr(sizeof "HTTP/1.1", 3)); }
  [[nodiscard]] bool is_too_many() const { return is_too_many_; }
  [[nodiscard]] const nghttp2_nv* data() const { return list_.data(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  std::array<nghttp2_nv, response_fields_max> list_;
  std::size_t count_ = 0;
  bool is_too_many_ = false;
};

}  // namespace

std::unique_ptr<H2Session> H2Session::open(const H2Settings& settings) {
  std::unique_ptr<H2Session> session(new H2Session(settings));
  if (!session->begin()) return nullptr;
  return session;
}

H2Session::H2Session(const H2Settings& settings) : settings_(settings), memory_(settings.memory_max) {}

H2Session::~H2Session() {
  while (H2Stream* stream = streams_.front()) {
    SLUICE_ASSERT(!stream->has_begun_ || stream->user_ == nullptr);
    free_stream(*stream);
  }
  nghttp2_session_del(library_);
}

bool H2Session::begin() {
  library_ = H2Callbacks::open_server(*this, memory_);
  if (library_ == nullptr) return false;
  const std::array<nghttp2_settings_entry, 4> entries = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(settings_.head_bytes_max)},
      // RFC 9218 §2.1: the header field Priority instead of the tree that nobody got right.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  if (nghttp2_submit_settings(library_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) != 0) return false;
  const auto window = static_cast<std::int32_t>(settings_.connection_window);
  return nghttp2_session_set_local_window_size(library_, NGHTTP2_FLAG_NONE, 0, window) == 0;
}

void H2Session::receive(std::string_view bytes, Instant now) {
  if (is_stopped_ || is_over()) return;
  now_ = now;
  // Looked at before the library sees them: it tells of no frames that it ignores.
  const std::size_t allowed = heads_.run(bytes, [this](const H2FrameHead& head) { return count(head); });
  const bool is_flood = allowed != bytes.size();
  bytes = bytes.substr(0, allowed);
  const auto taken =
      nghttp2_session_mem_recv(library_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    fail(static_cast<int>(taken));
  } else if (is_flood) {
    terminate(H2Error::enhance_your_calm);
  }
  if (is_over()) abandon_streams();
}

bool H2Session::count(const H2FrameHead& head) {
  const bool is_empty = head.bytes == 0 && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0;
  switch (head.type) {
    case NGHTTP2_DATA:
      return !is_empty || spend(H2Flood::empty_frames) == 0;
    case NGHTTP2_HEADERS:
      block_frames_ = 0;
      return head.bytes != 0 || spend(H2Flood::empty_frames) == 0;
    case NGHTTP2_CONTINUATION:
      // Of the largest head there are three; empty ones are fewer than any flood of them.
      return ++block_frames_ <= continuations_max || refuse(H2Flood::continuations) == 0;
    case NGHTTP2_RST_STREAM:
      return spend(H2Flood::resets) == 0;
    case NGHTTP2_SETTINGS:
      return spend(H2Flood::settings) == 0;
    case NGHTTP2_PING:
      return spend(H2Flood::pings) == 0;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
      return spend(H2Flood::priorities) == 0;
    case NGHTTP2_WINDOW_UPDATE:
      return spend(H2Flood::window_updates) == 0;
    default:
      return spend(H2Flood::unknown_frames) == 0;
  }
}

// The library says no to everything from here on.
void H2Session::fail(int library_error) {
  if (library_error == NGHTTP2_ERR_FLOODED && end_.flood == H2Flood::none) end_.flood = H2Flood::acknowledgements;
  if (end_.flood != H2Flood::none) return terminate(H2Error::enhance_your_calm);
  switch (library_error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return terminate(H2Error::protocol_error);
    case NGHTTP2_ERR_NOMEM:
      // Not even a GOAWAY is sure to find room.
      end_.error = H2Error::enhance_your_calm;
      is_over_ = true;
      return;
    default:
      return terminate(H2Error::internal_error);
  }
}

void H2Session::terminate(H2Error error) {
  if (is_stopped_) return;
  is_stopped_ = true;
  end_.error = error;
  if (nghttp2_session_terminate_session(library_, static_cast<std::uint32_t>(error)) != 0) is_over_ = true;
  abandon_streams();
}

void H2Session::abandon_streams() {
  for (H2Stream* stream = streams_.front(); stream != nullptr; stream = streams_.next(*stream)) {
    if (!stream->is_over_) close_stream(*stream, end_.error == H2Error::no_error ? H2Error::cancel : end_.error);
  }
}

void H2Session::close_stream(H2Stream& stream, H2Error error) {
  stream.is_over_ = true;
  stream.error_ = error;
  stream.offered_ = {};
  if (stream.has_begun_) change(stream, H2Stream::over);
}

void H2Session::change(H2Stream& stream, unsigned changes) {
  stream.changes_ |= changes;
  if (!stream.changed_hook_.is_linked()) changed_.push_back(stream);
}

H2Stream* H2Session::next_changed() { return changed_.pop_front(); }

std::size_t H2Session::write(std::span<char> out) {
  SLUICE_ASSERT(out.size() >= write_bytes_min);
  out_ = out;
  out_used_ = 0;
  while (!is_over_) {
    if (!unsent_.empty()) {
      const std::size_t count = std::min(unsent_.size(), out.size() - out_used_);
      std::memcpy(out.data() + out_used_, unsent_.data(), count);
      out_used_ += count;
      unsent_.remove_prefix(count);
    }
    if (out.size() - out_used_ < write_bytes_min) break;
    const std::uint8_t* frame = nullptr;
    const auto size = nghttp2_session_mem_send(library_, &frame);
    if (size < 0) {
      end_.error = H2Error::internal_error;
      is_over_ = true;
    }
    if (size <= 0) break;
    unsent_ = {reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)};
  }
  out_ = {};
  // What sending has found out about the peer.
  if (end_.flood != H2Flood::none) terminate(H2Error::enhance_your_calm);
  if (is_over()) abandon_streams();
  return out_used_;
}

bool H2Session::wants_write() const {
  return !is_over_ && (!unsent_.empty() || nghttp2_session_want_write(library_) != 0);
}

bool H2Session::is_over() const {
  if (is_over_) return true;
  return unsent_.empty() && nghttp2_session_want_read(library_) == 0 && nghttp2_session_want_write(library_) == 0;
}

// RFC 9113 §6.8: a first GOAWAY that takes everything, and the real one when the peer has seen it.
void H2Session::begin_drain() {
  if (is_draining_ || is_stopped_) return;
  is_draining_ = true;
  if (nghttp2_submit_shutdown_notice(library_) != 0 ||
      nghttp2_submit_ping(library_, NGHTTP2_FLAG_NONE, drain_mark.data()) != 0) {
    terminate(H2Error::no_error);
  }
}

void H2Session::note_echo(const std::uint8_t* opaque) {
  if (!is_draining_ || std::memcmp(opaque, drain_mark.data(), drain_mark.size()) != 0) return;
  (void)nghttp2_submit_goaway(library_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(library_),
                              NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Session::send_interim(H2Stream& stream, std::string_view head) {
  if (stream.is_over_) return;
  NameValues fields;
  fields.add_status(head);
  fields.add_fields(head);
  if (fields.is_too_many()) return;  // nobody waits for it
  const int result =
      nghttp2_submit_headers(library_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields.data(), fields.size(), nullptr);
  if (nghttp2_is_fatal(result) != 0) fail(result);
}

void H2Session::send_head(H2Stream& stream, std::string_view head, bool is_whole) {
  if (stream.is_over_) return;
  SLUICE_ASSERT(!stream.has_response_);
  stream.has_response_ = true;
  NameValues fields;
  fields.add_status(head);
  fields.add_fields(head);
  if (fields.is_too_many()) return reset(stream, H2Error::internal_error);
  const nghttp2_data_provider body = H2Callbacks::body_of(stream);
  const int result =
      nghttp2_submit_response(library_, stream.id_, fields.data(), fields.size(), is_whole ? nullptr : &body);
  if (nghttp2_is_fatal(result) != 0) fail(result);
}

void H2Session::offer(H2Stream& stream, std::string_view bytes) {
  if (stream.is_over_) return;
  SLUICE_ASSERT(stream.has_response_ && stream.offered_.empty() && !stream.is_last_offer_);
  stream.offered_ = bytes;
  // Where it has not asked yet, it needs no telling.
  (void)nghttp2_session_resume_data(library_, stream.id_);
}

void H2Session::withdraw(H2Stream& stream) { stream.offered_ = {}; }

void H2Session::end_response(H2Stream& stream, std::string_view trailers) {
  if (stream.is_over_) return;
  SLUICE_ASSERT(stream.has_response_ && stream.offered_.empty() && !stream.is_last_offer_);
  stream.is_last_offer_ = true;
  stream.last_fields_.append(trailers);
  (void)nghttp2_session_resume_data(library_, stream.id_);
}

void H2Session::submit_trailers(H2Stream& stream) {
  NameValues fields;
  // Lines as they stand behind a first one.
  std::string_view lines = stream.last_fields_.view();
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::size_t colon = lines.find(':');
    fields.add(lines.substr(0, colon), lines.substr(colon + 2, end - colon - 2));
    lines.remove_prefix(end + 2);
  }
  (void)nghttp2_submit_trailer(library_, stream.id_, fields.data(), fields.size());
}

void H2Session::consume(H2Stream& stream, std::size_t bytes) {
  stream.received_bytes_.consume(bytes);
  (void)nghttp2_session_consume(library_, stream.id_, bytes);
}

void H2Session::reset(H2Stream& stream, H2Error error) {
  if (stream.is_over_) return;
  (void)nghttp2_submit_rst_stream(library_, NGHTTP2_FLAG_NONE, stream.id_, static_cast<std::uint32_t>(error));
  close_stream(stream, error);
}

void H2Session::release(H2Stream& stream) {
  reset(stream, stream.was_answered_ ? H2Error::no_error : H2Error::cancel);
  stream.user_ = nullptr;
  free_stream(stream);
}

H2Stream* H2Session::begin_stream(std::int32_t id) {
  if (stream_count_ >= streams_alive_max()) return nullptr;
  auto* stream = new H2Stream(id, settings_.head_bytes_max);
  streams_.push_back(*stream);
  ++stream_count_;
  return stream;
}

void H2Session::free_stream(H2Stream& stream) {
  (void)nghttp2_session_set_stream_user_data(library_, stream.id_, nullptr);
  // What was received and not read still counts against the connection.
  if (const std::size_t unread = stream.received_bytes_.size(); unread != 0) {
    (void)nghttp2_session_consume_connection(library_, unread);
  }
  if (stream.changed_hook_.is_linked()) stream.changed_hook_.unlink();
  stream.all_hook_.unlink();
  --stream_count_;
  delete &stream;
}

int H2Session::spend(H2Flood kind) { return allowances_.spend(kind, now_) ? 0 : refuse(kind); }

int H2Session::refuse(H2Flood kind) {
  if (end_.flood == H2Flood::none) end_.flood = kind;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

}  // namespace sluice::http
