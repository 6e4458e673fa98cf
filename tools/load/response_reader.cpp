#include "response_reader.hpp"

#include <charconv>

#include "../origin/checksum.hpp"
#include "base/limits.hpp"
#include "http/parser.hpp"

namespace sluice::load {
namespace {

constexpr int switching_protocols = 101;

// "crc32=0a1b2c3d", as sluice-origin writes it.
std::optional<std::uint32_t> parse_checksum(std::string_view text) {
  constexpr std::string_view prefix = "crc32=";
  if (!text.starts_with(prefix) || text.size() != prefix.size() + 8) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void ResponseReader::begin() {
  has_head_ = false;
  head_.clear();
}

ResponseReader::Step ResponseReader::step(std::string_view bytes) {
  std::size_t consumed = 0;
  while (!has_head_) {
    const Step head = step_head(bytes.substr(consumed));
    consumed += head.consumed;
    if (head.state != State::done) return {head.state, consumed};
    take_head();
    if (status_ == switching_protocols) return {State::malformed, consumed};  // nobody asked for another protocol
  }
  const Step body = step_body(bytes.substr(consumed));
  return {body.state, consumed + body.consumed};
}

ResponseReader::Step ResponseReader::step_head(std::string_view bytes) {
  if (bytes.empty()) return {};
  const std::size_t before = head_.size();
  if (before != 0) {
    head_ += bytes;
    const http::HeadResult result = http::parse_response_head(head_, before, {}, method_, *scratch_);
    if (result.status == http::HeadStatus::rejected) return {State::malformed, 0};
    if (result.status == http::HeadStatus::partial) return {State::more, bytes.size()};
    return {State::done, result.consumed - before};
  }
  const http::HeadResult result = http::parse_response_head(bytes, 0, {}, method_, *scratch_);
  if (result.status == http::HeadStatus::rejected) return {State::malformed, 0};
  if (result.status == http::HeadStatus::complete) return {State::done, result.consumed};
  head_ = bytes;
  return {State::more, bytes.size()};
}

// The views of the head die with the next bytes: what matters is taken out of it at once.
void ResponseReader::take_head() {
  const http::ResponseHead& head = *scratch_;
  status_ = head.status;
  if (head.is_interim()) {
    head_.clear();
    return;
  }
  has_head_ = true;
  keeps_alive_ = head.keep_alive;
  body_bytes_ = 0;
  if (head.framing.kind == http::BodyFraming::Kind::chunked) trailers_.resize(limits::trailer_bytes_max);
  decoder_ = http::BodyDecoder(head.framing, trailers_);
  if (!expectation_.checksum) return;
  checksum_ = 0;
  const http::Field* field = head.fields.find("x-checksum");
  checksum_wanted_ = field == nullptr ? std::nullopt : parse_checksum(field->value);
}

ResponseReader::Step ResponseReader::step_body(std::string_view bytes) {
  std::size_t consumed = 0;
  while (!decoder_.is_done()) {
    if (consumed == bytes.size()) return {State::more, consumed};
    const http::BodyStep step = decoder_.step(bytes.substr(consumed));
    consumed += step.consumed;
    if (step.state == http::BodyState::rejected) return {State::malformed, consumed};
    body_bytes_ += step.data.size();
    if (expectation_.checksum) checksum_ = origin::checksum_of(step.data, checksum_);
  }
  return {State::done, consumed};
}

ResponseReader::State ResponseReader::skip(std::uint64_t bytes) {
  decoder_.advance(bytes);
  body_bytes_ += bytes;
  return decoder_.is_done() ? State::done : State::more;
}

bool ResponseReader::is_as_expected() const {
  if (expectation_.bytes && *expectation_.bytes != body_bytes_) return false;
  // An answer to HEAD names the checksum of what it does not have.
  return !expectation_.checksum || method_ == http::Method::head || checksum_wanted_ == checksum_;
}

}  // namespace sluice::load
