#include "http/body.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "base/limits.hpp"
#include "http/lines.hpp"

namespace sluice::http {
namespace {

// Calls visit(const Field&) for each line; it returns false when there is no room. Returns why the section is
// malformed.
template <class Visit>
Reject for_each_trailer(std::string_view section, Visit&& visit) {
  while (!section.empty()) {
    std::size_t end = section.find("\r\n");
    SLUICE_ASSERT(end != std::string_view::npos && end != 0);
    Field field;
    Reject reject = parse_field_line(section.substr(0, end), field);
    if (reject != Reject::none) return reject;
    if (!visit(field)) return Reject::too_many_fields;
    section.remove_prefix(end + 2);
  }
  return Reject::none;
}

Reject check_trailers(std::string_view section) {
  std::size_t count = 0;
  return for_each_trailer(section, [&](const Field&) { return ++count <= FieldList::capacity; });
}

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

}  // namespace

std::string_view to_string(BodyState state) noexcept {
  switch (state) {
    case BodyState::need_more:
      return "need_more";
    case BodyState::data:
      return "data";
    case BodyState::done:
      return "done";
    case BodyState::rejected:
      return "rejected";
  }
  return "unknown";
}

BodyStep LengthDecoder::step(std::string_view in) noexcept {
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size()));
  remaining_ -= size;
  BodyState state = remaining_ == 0 ? BodyState::done : size == 0 ? BodyState::need_more : BodyState::data;
  return {state, size, in.substr(0, size), Reject::none};
}

void LengthDecoder::advance(std::uint64_t bytes) noexcept {
  SLUICE_ASSERT(bytes <= remaining_);
  remaining_ -= bytes;
}

BodyStep UntilCloseDecoder::step(std::string_view in) noexcept {
  return {in.empty() ? BodyState::need_more : BodyState::data, in.size(), in, Reject::none};
}

BodyStep ChunkedDecoder::step(std::string_view in) noexcept {
  std::size_t at = 0;
  while (at < in.size() && phase_ != Phase::done && phase_ != Phase::rejected) {
    if (phase_ == Phase::data) {
      auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size() - at));
      advance(size);
      return {BodyState::data, at + size, in.substr(at, size), Reject::none};
    }
    reject_ = take(in[at++]);
    if (reject_ != Reject::none) phase_ = Phase::rejected;
  }
  return verdict(at);
}

BodyStep ChunkedDecoder::verdict(std::size_t consumed) const noexcept {
  switch (phase_) {
    case Phase::done:
      return {BodyState::done, consumed, {}, Reject::none};
    case Phase::rejected:
      return {BodyState::rejected, consumed, {}, reject_};
    default:
      return {BodyState::need_more, consumed, {}, Reject::none};
  }
}

void ChunkedDecoder::advance(std::uint64_t bytes) noexcept {
  SLUICE_ASSERT(bytes <= chunk_remaining());
  remaining_ -= bytes;
  if (phase_ == Phase::data && remaining_ == 0) phase_ = Phase::data_cr;
}

// One byte of framing.
Reject ChunkedDecoder::take(char c) noexcept {
  if (phase_ <= Phase::size_lf && ++line_bytes_ > limits::chunk_line_bytes_max) return Reject::chunk_line_too_long;
  switch (phase_) {
    case Phase::size_first:
    case Phase::size:
      return take_size(c);
    case Phase::size_space:
      return take_behind_size(c);
    case Phase::extension:
      return take_extension(c);
    case Phase::size_lf:
      return take_size_lf(c);
    case Phase::data_cr:
      if (c != '\r') return Reject::bad_chunk_end;
      phase_ = Phase::data_lf;
      return Reject::none;
    case Phase::data_lf:
      if (c != '\n') return Reject::bad_chunk_end;
      phase_ = Phase::size_first;
      line_bytes_ = 0;
      return Reject::none;
    default:
      return take_trailer(c);
  }
}

// chunk-size = 1*HEXDIG
Reject ChunkedDecoder::take_size(char c) noexcept {
  int digit = ascii::hex_value(c);
  if (digit < 0) return phase_ == Phase::size_first ? Reject::bad_chunk_size : take_behind_size(c);
  // 63 bits: sums of lengths and offsets are signed in the kernel.
  if (remaining_ >> 59 != 0) return Reject::chunk_size_overflow;
  remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
  phase_ = Phase::size;
  return Reject::none;
}

// White space is only accepted in front of an extension (BWS, RFC 9112 §7.1.1): "5 \r\n" is not in the grammar.
Reject ChunkedDecoder::take_behind_size(char c) noexcept {
  if (c == '\r' && phase_ == Phase::size) {
    phase_ = Phase::size_lf;
  } else if (c == ' ' || c == '\t') {
    phase_ = Phase::size_space;
  } else if (c == ';') {
    phase_ = Phase::extension;
  } else {
    return c == '\n' ? Reject::bare_lf : Reject::bad_chunk_size;
  }
  return Reject::none;
}

Reject ChunkedDecoder::take_extension(char c) noexcept {
  if (c == '\r') {
    phase_ = Phase::size_lf;
  } else if (is_control(c)) {
    return c == '\n' ? Reject::bare_lf : Reject::bad_chunk_extension;
  }
  return Reject::none;
}

Reject ChunkedDecoder::take_size_lf(char c) noexcept {
  if (c != '\n') return Reject::bare_cr;
  phase_ = remaining_ == 0 ? Phase::trailer_first : Phase::data;
  return Reject::none;
}

Reject ChunkedDecoder::take_trailer(char c) noexcept {
  switch (phase_) {
    case Phase::last_lf: {
      if (c != '\n') return Reject::bare_cr;
      phase_ = Phase::done;
      return check_trailers(trailer_section());
    }
    case Phase::trailer_lf:
      if (c != '\n') return Reject::bare_cr;
      phase_ = Phase::trailer_first;
      return keep_trailer_byte(c);
    case Phase::trailer_first:
      if (c == '\r') {
        phase_ = Phase::last_lf;
        return Reject::none;
      }
      phase_ = Phase::trailer_line;
      break;
    default:
      break;
  }
  if (c == '\r') {
    phase_ = Phase::trailer_lf;
  } else if (is_control(c)) {
    return c == '\n' ? Reject::bare_lf : Reject::control_byte;
  }
  return keep_trailer_byte(c);
}

Reject ChunkedDecoder::keep_trailer_byte(char c) noexcept {
  if (trailer_size_ == trailer_buffer_.size()) return Reject::trailer_too_large;
  trailer_buffer_[trailer_size_++] = c;
  return Reject::none;
}

Reject parse_trailers(std::string_view section, FieldList& out) noexcept {
  out.clear();
  return for_each_trailer(section,
                          [&](const Field& field) { return !is_allowed_in_trailers(field.id) || out.add(field); });
}

bool is_allowed_in_trailers(FieldId id) noexcept {
  // The fields that we know by name all steer a message or describe it before its content. What is left belongs to the
  // application, such as gRPC's status.
  return id == FieldId::other;
}

BodyDecoder::BodyDecoder(const BodyFraming& framing, std::span<char> trailer_buffer) : decoder_(LengthDecoder(0)) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      break;
    case BodyFraming::Kind::length:
      decoder_ = LengthDecoder(framing.length);
      break;
    case BodyFraming::Kind::chunked:
      decoder_ = ChunkedDecoder(trailer_buffer);
      break;
    case BodyFraming::Kind::until_close:
      decoder_ = UntilCloseDecoder();
      break;
  }
}

std::string_view BodyDecoder::trailer_section() const {
  const auto* chunked = std::get_if<ChunkedDecoder>(&decoder_);
  return chunked == nullptr ? std::string_view() : chunked->trailer_section();
}

}  // namespace sluice::http
