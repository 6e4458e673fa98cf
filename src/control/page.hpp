#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"

namespace sluice::control {

// What: the body of an answer on the admin socket, made piece by piece as the client takes it: neither a slow client
// nor
//       a long page holds more memory than one piece, or keeps the control thread for longer than one takes.
class Page {
 public:
  enum class Progress : std::uint8_t {
    more,   // ask again when there is room
    last,   // that was all
    later,  // there is nothing yet: ask again when something has happened
  };
  Page() = default;
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;
  virtual ~Page() = default;

  // Appends the next piece, some KiB.
  [[nodiscard]] virtual Progress next(std::string& out) = 0;
  // After `later`: when next() has something to say at the latest.
  [[nodiscard]] virtual Instant wake_at() const { return Instant::never(); }
};

// What: a page that is a text.
class TextPage final : public Page {
 public:
  explicit TextPage(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] Progress next(std::string& out) override {
    constexpr std::size_t piece_bytes = std::size_t{16} * 1024;
    const std::string_view piece = std::string_view(text_).substr(given_, piece_bytes);
    out += piece;
    given_ += piece.size();
    return given_ == text_.size() ? Progress::last : Progress::more;
  }

 private:
  std::string text_;
  std::size_t given_ = 0;
};

inline constexpr std::string_view plain_text = "text/plain; charset=utf-8";
inline constexpr std::string_view json_text = "application/json";
inline constexpr std::string_view toml_text = "application/toml; charset=utf-8";

struct Answer {
  int status = 200;
  std::string_view content_type = plain_text;
  std::unique_ptr<Page> page;
};

[[nodiscard]] inline Answer text_answer(int status, std::string text) {
  return {.status = status, .content_type = plain_text, .page = std::make_unique<TextPage>(std::move(text))};
}

// What: what the admin socket serves.
class Pages {
 public:
  // path, query: of a GET or HEAD; the query with its '?', or empty.
  [[nodiscard]] virtual Answer answer(std::string_view path, std::string_view query) = 0;

 protected:
  ~Pages() = default;
};

}  // namespace sluice::control
