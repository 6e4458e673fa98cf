#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"

// A client of HTTP/2 made of bytes: what it sends is written frame by frame, right or wrong, and what it gets is read
// back.
namespace sluice::http::h2 {

enum Type : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,
  priority_update = 16,
  reserved = 0x1f,
};

constexpr std::uint8_t end_stream = 1;
constexpr std::uint8_t ack = 1;
constexpr std::uint8_t end_headers = 4;
constexpr std::uint8_t padded = 8;

inline constexpr std::string_view magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4) + std::string(payload);
}

// RFC 7541 §5.1, with a prefix of seven bits and no Huffman coding.
inline std::string length(std::size_t value) {
  if (value < 127) return number(value, 1);
  std::string text(1, '\x7f');
  for (value -= 127; value >= 128; value /= 128) text += static_cast<char>(0x80 | (value % 128));
  return text + static_cast<char>(value);
}

// RFC 7541 §6.2.3: literals that are never indexed, so that any bytes can be a name or a value.
inline std::string block(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text += '\x10';
    text += length(name.size());
    text += name;
    text += length(value.size());
    text += value;
  }
  return text;
}

inline std::string head(std::uint32_t stream, const Fields& fields, std::uint8_t flags = end_stream) {
  return frame(headers, flags | end_headers, stream, block(fields));
}

inline Fields get(std::string path = "/", Fields more = {}) {
  Fields fields = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.example"}, {":path", std::move(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline Fields post(Fields more = {}) {
  Fields fields = get("/", std::move(more));
  fields[0].second = "POST";
  return fields;
}

inline std::string preface(std::string_view settings_payload = {}) {
  return std::string(magic) + frame(settings, 0, 0, settings_payload);
}

inline std::string setting(std::uint16_t id, std::uint32_t value) { return number(id, 2) + number(value, 4); }

// A frame that came.
struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
  Fields fields;  // of HEADERS

  [[nodiscard]] bool ends_stream() const { return (type == data || type == headers) && (flags & end_stream) != 0; }
  // The code of RST_STREAM and GOAWAY.
  [[nodiscard]] std::uint32_t code() const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value = value << 8 | static_cast<unsigned char>(payload[i + (type == goaway ? 4 : 0)]);
    }
    return value;
  }
};

// What: takes what a server sends apart, with the state that HPACK has. Header blocks come in one frame.
class Reader {
 public:
  Reader() { SLUICE_ASSERT(nghttp2_hd_inflate_new(&inflater_) == 0); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { nghttp2_hd_inflate_del(inflater_); }

  // The frames that are whole by now.
  std::vector<Frame> read(std::string_view bytes) {
    rest_ += bytes;
    std::vector<Frame> frames;
    while (rest_.size() >= 9) {
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (rest_.size() < 9 + size) break;
      Frame one;
      one.type = static_cast<std::uint8_t>(byte(3));
      one.flags = static_cast<std::uint8_t>(byte(4));
      one.stream = static_cast<std::uint32_t>(byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
      one.payload = rest_.substr(9, size);
      rest_.erase(0, 9 + size);
      if (one.type == headers) inflate(one);
      frames.push_back(std::move(one));
    }
    return frames;
  }

 private:
  [[nodiscard]] std::size_t byte(std::size_t at) const { return static_cast<unsigned char>(rest_[at]); }

  void inflate(Frame& one) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(one.payload.data());
    std::size_t left = one.payload.size();
    for (;;) {
      nghttp2_nv field{};
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      SLUICE_ASSERT(used >= 0);
      at += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        one.fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                                std::string(reinterpret_cast<char*>(field.value), field.valuelen));
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      SLUICE_ASSERT(left != 0 || (flags & NGHTTP2_HD_INFLATE_EMIT) != 0);
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  std::string rest_;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace sluice::http::h2
