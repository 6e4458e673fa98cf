#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.hpp"

// Ways in which the bytes of a table's row reach a codec.
namespace sluice::http {

// A copy of exactly these bytes, so that AddressSanitizer sees a look at the byte behind them.
class ExactCopy {
 public:
  explicit ExactCopy(std::string_view bytes) : size_(bytes.size()), bytes_(std::make_unique<char[]>(bytes.size())) {
    bytes.copy(bytes_.get(), bytes.size());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

inline bool operator==(const HeadResult& a, const HeadResult& b) {
  return a.status == b.status && a.consumed == b.consumed && a.reject == b.reject;
}

// Parses `bytes` as they arrive in pieces that end at `ends`, moving them between the calls.
// parse: HeadResult(std::string_view bytes, std::size_t already_seen).
template <class Parse>
HeadResult deliver(std::string_view bytes, std::span<const std::size_t> ends, Parse&& parse) {
  HeadResult result;
  std::size_t seen = 0;
  for (std::size_t end : ends) {
    ExactCopy copy(bytes.substr(0, end));
    result = parse(copy.view(), seen);
    if (result.status != HeadStatus::partial) return result;
    seen = end;
  }
  return result;
}

// Whole, split at every offset, and byte by byte: all agree, also with a fresh look at what has come. Returns the
// result.
template <class Parse>
HeadResult deliver_every_way(std::string_view bytes, Parse&& parse) {
  ExactCopy copy(bytes);
  const HeadResult whole = parse(copy.view(), std::size_t{0});
  std::vector<std::size_t> each_byte;
  for (std::size_t end = 1; end <= bytes.size(); ++end) {
    CAPTURE(end);
    const std::size_t two_pieces[] = {end, bytes.size()};
    CHECK(deliver(bytes, two_pieces, parse) == whole);
    each_byte.push_back(end);
    const std::size_t one_piece[] = {end};
    CHECK(deliver(bytes, each_byte, parse) == deliver(bytes, one_piece, parse));
  }
  return whole;
}

}  // namespace sluice::http
