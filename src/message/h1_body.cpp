#include "message/h1_body.hpp"

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "memory/frame_pool.hpp"

namespace sluice::message {

using runtime::Task;

namespace {

// Pieces up to this size are copied behind what is buffered; larger ones are sent from where they are.
constexpr std::size_t copy_bytes_max = 4096;
// "ffffffffffffffff\r\n" in front and "\r\n" behind.
constexpr std::size_t chunk_frame_bytes = 20;

}  // namespace

const http::FieldList H1BodySource::no_trailers;

H1BodySource::H1BodySource(Input& input, Side side, const http::BodyFraming& framing, std::size_t trailer_bytes_max,
                           Duration idle_timeout)
    : input_(input),
      side_(side),
      trailer_bytes_(framing.kind == http::BodyFraming::Kind::chunked ? trailer_bytes_max : 0),
      trailer_buffer_(trailer_bytes_ == 0
                          ? nullptr
                          : static_cast<char*>(memory::FramePool::of_this_thread().allocate(trailer_bytes_))),
      idle_timeout_(idle_timeout) {
  decoder_ = http::BodyDecoder(framing, {trailer_buffer_, trailer_bytes_});
}

H1BodySource::~H1BodySource() {
  if (trailer_buffer_ != nullptr) memory::FramePool::of_this_thread().release(trailer_buffer_, trailer_bytes_);
}

std::unexpected<Error> H1BodySource::blame(Error error) const {
  error.side = side_;
  return std::unexpected(error);
}

// The next piece out of what has been received, if it holds one.
std::optional<Result<BodyPiece>> H1BodySource::step() {
  while (!input_.is_empty()) {
    http::BodyStep step = decoder_.step(input_.bytes());
    input_.consume(step.consumed);
    switch (step.state) {
      case http::BodyState::data:
        return piece_of(step.data);
      case http::BodyState::done:
        return last_piece(step.data);
      case http::BodyState::rejected:
        reject_ = step.reject;
        return failure(ErrorCode::malformed, side_);
      case http::BodyState::need_more:
        if (!step.data.empty()) return piece_of(step.data);
        break;
    }
  }
  return std::nullopt;
}

Result<BodyPiece> H1BodySource::piece_of(std::string_view data) {
  payload_bytes_ += data.size();
  if (payload_bytes_ > payload_bytes_max_) return failure(ErrorCode::too_large, side_);
  return BodyPiece{data, false};
}

Result<BodyPiece> H1BodySource::last_piece(std::string_view data) {
  if (Result<BodyPiece> piece = piece_of(data); !piece) return piece;
  if (std::string_view section = decoder_.trailer_section(); !section.empty()) {
    trailers_ = std::make_unique<Trailers>();
    reject_ = http::parse_trailers(section, trailers_->fields);
    if (reject_ != http::Reject::none) return failure(ErrorCode::malformed, side_);
  }
  return BodyPiece{data, true};
}

std::optional<Result<BodyPiece>> H1BodySource::try_read() {
  if (is_done()) return BodyPiece{{}, true};
  do {
    if (auto piece = step()) return piece;
  } while (input_.take_received());
  return std::nullopt;
}

Task<Result<BodyPiece>> H1BodySource::read() {
  const runtime::Loop& loop = input_.stream().loop();
  net::Pace* const pace = input_.stream().pace_of_sending();
  Instant idle_end = loop.now() + idle_timeout_;
  for (;;) {
    if (auto piece = try_read()) co_return *piece;
    if (pace != nullptr && pace->has_fallen_behind()) co_return failure(ErrorCode::timed_out, side_);
    const Instant begin = loop.now();
    const Instant deadline = pace == nullptr ? idle_end : pace->deadline(begin, idle_end);
    const std::uint64_t ahead = decoder_.payload_remaining();
    const bool is_long = payload_bytes_ >= long_body_bytes || (ahead >= long_body_bytes && ahead != UINT64_MAX);
    Result<bool> filled = is_long ? co_await input_.fill_own(deadline) : co_await input_.fill(deadline);
    if (pace != nullptr) {
      pace->note_wait(loop.now() - begin);
      pace->note_bytes(input_.bytes().size());
      if (!filled && filled.error().code == ErrorCode::timed_out && loop.now() < idle_end) continue;
    }
    if (!filled) co_return blame(filled.error());
    idle_end = loop.now() + idle_timeout_;
    if (*filled) continue;
    if (!decoder_.ends_at_close()) co_return failure(ErrorCode::closed, side_);
    at_end_ = true;
    co_return BodyPiece{{}, true};
  }
}

H1BodySink::H1BodySink(Output& output, Side side, const http::BodyFraming& framing, Duration idle_timeout)
    : output_(output), side_(side), framing_(framing), idle_timeout_(idle_timeout) {}

std::unexpected<Error> H1BodySink::blame(Error error) const {
  error.side = side_;
  return std::unexpected(error);
}

void H1BodySink::account(std::uint64_t bytes) {
  SLUICE_ASSERT(!has_ended_ && framing_.kind != http::BodyFraming::Kind::none);
  written_ += bytes;
  SLUICE_ASSERT(framing_.kind != http::BodyFraming::Kind::length || written_ <= framing_.length);
}

bool H1BodySink::try_write(std::string_view data) {
  if (data.empty()) return true;
  if (data.size() > copy_bytes_max || data.size() + chunk_frame_bytes > output_.room()) return false;
  const bool is_chunked = framing_.kind == http::BodyFraming::Kind::chunked;
  Result<void> appended = output_.append([&](http::Writer& writer) {
    if (is_chunked) http::write_chunk_begin(writer, data.size());
    writer.append(data);
    if (is_chunked) http::write_chunk_end(writer);
  });
  if (!appended) return false;
  account(data.size());
  return true;
}

Task<Result<void>> H1BodySink::write(std::string_view data) {
  if (try_write(data)) co_return Result<void>();
  // A full buffer makes room first; what is small enough is then collected again.
  if (data.size() <= copy_bytes_max && !output_.is_empty()) {
    if (Result<void> flushed = co_await flush(); !flushed) co_return flushed;
    if (try_write(data)) co_return Result<void>();
  }
  co_return co_await send_framed(data);
}

Task<Result<void>> H1BodySink::send_framed(std::string_view data) {
  account(data.size());
  const bool is_chunked = framing_.kind == http::BodyFraming::Kind::chunked;
  if (is_chunked) {
    if (output_.room() < chunk_frame_bytes) {
      if (Result<void> flushed = co_await flush(); !flushed) co_return flushed;
    }
    Result<void> begun = output_.append([&](http::Writer& writer) { http::write_chunk_begin(writer, data.size()); });
    if (!begun) co_return blame(begun.error());
  }
  Result<void> sent = co_await output_.flush_with(data, idle_timeout_);
  if (!sent) co_return blame(sent.error());
  if (is_chunked) {
    Result<void> ended = output_.append([](http::Writer& writer) { http::write_chunk_end(writer); });
    if (!ended) co_return blame(ended.error());
  }
  co_return Result<void>();
}

Task<Result<void>> H1BodySink::flush() {
  Result<void> sent = co_await output_.flush(idle_timeout_);
  if (!sent) co_return blame(sent.error());
  co_return Result<void>();
}

Task<Result<void>> H1BodySink::end(const http::FieldList& trailers) {
  SLUICE_ASSERT(!has_ended_);
  SLUICE_ASSERT(framing_.kind != http::BodyFraming::Kind::length || written_ == framing_.length);
  has_ended_ = true;
  if (framing_.kind == http::BodyFraming::Kind::chunked) {
    auto write_end = [&](http::Writer& writer) { http::write_last_chunk(writer, trailers); };
    Result<void> ended = output_.append(write_end);
    if (!ended && ended.error().code == ErrorCode::too_large && !output_.is_empty()) {
      if (Result<void> flushed = co_await flush(); !flushed) co_return flushed;
      ended = output_.append(write_end);
    }
    if (!ended) co_return blame(ended.error());
  }
  // Behind the end of a message there is only bookkeeping.
  Result<void> sent = co_await output_.flush(idle_timeout_, runtime::Resume::with_next_event, behind_);
  if (!sent) co_return blame(sent.error());
  co_return Result<void>();
}

bool H1BodySink::accepts_raw(std::uint64_t bytes) const {
  return bytes != UINT64_MAX || framing_.kind == http::BodyFraming::Kind::until_close;
}

Task<Result<void>> H1BodySink::begin_raw(std::uint64_t bytes) {
  if (framing_.kind == http::BodyFraming::Kind::chunked) {
    if (output_.room() < chunk_frame_bytes) {
      if (Result<void> flushed = co_await flush(); !flushed) co_return flushed;
    }
    Result<void> begun = output_.append([&](http::Writer& writer) { http::write_chunk_begin(writer, bytes); });
    if (!begun) co_return blame(begun.error());
  }
  Result<void> sent = co_await output_.flush_ahead(idle_timeout_);
  if (!sent) co_return blame(sent.error());
  co_return Result<void>();
}

Result<void> H1BodySink::end_raw(std::uint64_t bytes) {
  account(bytes);
  if (framing_.kind == http::BodyFraming::Kind::chunked) {
    Result<void> ended = output_.append([](http::Writer& writer) { http::write_chunk_end(writer); });
    if (!ended) return blame(ended.error());
  }
  return {};
}

}  // namespace sluice::message
