// A connection of pipelined requests, fed whole and in pieces: the same messages, the same end. The first two bytes of
// the input seed the cuts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "http/body.hpp"
#include "http/parser.hpp"

namespace sluice::http {
namespace {

// What: the reading side of a connection, reduced to what it says: one line of text for each thing that happened.
class Reader {
 public:
  Reader() { limits_.bytes_max = 512; }  // small, so that the limits are met

  // Takes bytes that have come. They lie in a buffer of exactly their size, which is gone afterwards.
  void take(std::string_view piece) {
    waiting_.insert(waiting_.end(), piece.begin(), piece.end());
    while (!is_over_ && (in_body_ ? read_body() : read_head())) {
    }
  }

  // The story so far; payload is told without its cuts.
  [[nodiscard]] std::string story() const { return story_ + (payload_.empty() ? "" : "payload " + payload_ + "\n"); }

 private:
  [[nodiscard]] std::string_view waiting() const { return {waiting_.data(), waiting_.size()}; }
  void drop(std::size_t bytes) {
    // A new buffer, so that AddressSanitizer sees views into the old one.
    waiting_ = std::vector<char>(waiting_.begin() + static_cast<std::ptrdiff_t>(bytes), waiting_.end());
    seen_ = 0;
  }
  void end(std::string_view how, Reject reject) {
    if (!payload_.empty()) tell_payload();
    story_ += std::string(how) + " " + std::string(to_string(reject)) + "\n";
    is_over_ = true;
  }
  void tell_payload() {
    story_ += "payload " + payload_ + "\n";
    payload_.clear();
  }

  bool read_head() {
    HeadResult result = parse_request_head(waiting(), seen_, limits_, head_);
    if (result.status == HeadStatus::rejected) {
      end("head refused", result.reject);
      return false;
    }
    if (result.status == HeadStatus::partial) {
      seen_ = waiting_.size();
      return false;
    }
    story_ += "head " + std::string(head_.method_text) + " " + std::string(head_.target) + " " +
              std::string(head_.authority) + "\n";
    for (const Field& field : head_.fields) story_ += std::string(field.name) + "=" + std::string(field.value) + "\n";
    keep_alive_ = head_.keep_alive;
    body_ = BodyDecoder(head_.framing, trailers_);
    in_body_ = true;
    drop(result.consumed);
    return true;
  }

  bool read_body() {
    BodyStep step = body_.step(waiting());
    payload_ += step.data;
    drop(step.consumed);
    if (step.state == BodyState::rejected) {
      end("body refused", step.reject);
      return false;
    }
    if (step.state == BodyState::done) {
      if (!payload_.empty()) tell_payload();
      story_ += "body done " + std::string(body_.trailer_section()) + "\n";
      in_body_ = false;
      if (!keep_alive_) end("closed", Reject::none);
    }
    return step.state != BodyState::need_more;
  }

  HeadLimits limits_;
  std::vector<char> waiting_;
  std::size_t seen_ = 0;
  RequestHead head_;
  BodyDecoder body_;
  char trailers_[128] = {};
  bool in_body_ = false;
  bool keep_alive_ = true;
  bool is_over_ = false;
  std::string payload_;
  std::string story_;
};

std::string read(std::string_view bytes, std::size_t piece_max, Random& random) {
  auto reader = std::make_unique<Reader>();
  while (!bytes.empty()) {
    std::size_t size = bytes.size();
    if (piece_max != 0) size = std::min<std::size_t>(size, random.below(piece_max) + 1);
    reader->take(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return reader->story();
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice;
  using namespace sluice::http;
  if (size < 2) return 0;
  Random random(input[0] | static_cast<std::uint64_t>(input[1]) << 8);
  const std::string_view bytes(reinterpret_cast<const char*>(input) + 2, size - 2);
  const std::string whole = read(bytes, 0, random);
  SLUICE_ASSERT(read(bytes, 1, random) == whole);
  SLUICE_ASSERT(read(bytes, 1 + random.below(100), random) == whole);
  return 0;
}
