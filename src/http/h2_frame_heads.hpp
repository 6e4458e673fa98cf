#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// The nine bytes in front of a frame (RFC 9113 §4.1), as far as they are looked at here.
struct H2FrameHead {
  std::uint32_t bytes = 0;  // of its payload
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
};

// What: walks over what a client sends, from its connection preface on, and shows the head of every frame.
// Shard: one; a value.
// Invariants: at a head exactly while skip_ is 0.
class H2FrameHeads {
 public:
  // visit: bool(const H2FrameHead&), false ends the walk for good. Gives how many of the bytes come before the frame
  // with which it was ended, as far as they are these; all of them if it was not.
  template <class Visit>
  [[nodiscard]] std::size_t run(std::string_view bytes, Visit&& visit) {
    for (std::size_t at = 0; at < bytes.size();) {
      if (skip_ != 0) {
        const std::size_t count = std::min(skip_, bytes.size() - at);
        skip_ -= count;
        at += count;
        continue;
      }
      const std::size_t begin = have_ == 0 ? at : 0;  // of this head, or of what came of it just now
      const std::string_view part = bytes.substr(at, head_.size() - have_);
      std::ranges::copy(part, head_.begin() + static_cast<std::ptrdiff_t>(have_));
      have_ += part.size();
      at += part.size();
      if (have_ < head_.size()) break;
      have_ = 0;
      const H2FrameHead head = {static_cast<std::uint32_t>(byte(0) << 16 | byte(1) << 8 | byte(2)),
                                static_cast<std::uint8_t>(byte(3)), static_cast<std::uint8_t>(byte(4))};
      skip_ = head.bytes;
      if (!visit(head)) return begin;
    }
    return bytes.size();
  }

 private:
  static constexpr std::size_t preface_bytes = 24;
  static constexpr std::size_t head_bytes = 9;
  [[nodiscard]] unsigned byte(std::size_t at) const { return static_cast<unsigned char>(head_[at]); }

  std::array<char, head_bytes> head_;
  std::size_t have_ = 0;
  std::size_t skip_ = preface_bytes;
};

}  // namespace sluice::http
