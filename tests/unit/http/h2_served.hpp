#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "delivery.hpp"
#include "h2_client.hpp"
#include "http/h2_session.hpp"

namespace sluice::http {

inline constexpr Instant start = Instant::from_ns(1'000'000'000);
inline constexpr std::string_view ok_head = "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\n\r\n";

// What: a session and the client in front of it.
class Served {
 public:
  explicit Served(const H2Settings& settings = {}) : session_(H2Session::open(settings)) {
    REQUIRE(session_ != nullptr);
  }
  ~Served() {
    for (H2Stream* stream : streams_) session_->release(*stream);
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  H2Session& session() { return *session_; }
  std::vector<h2::Frame>& frames() { return frames_; }
  [[nodiscard]] const std::vector<H2Stream*>& streams() const { return streams_; }
  [[nodiscard]] std::string& log() { return log_; }

  void send(std::string_view bytes, Instant now = start) {
    ExactCopy copy(bytes);
    session_->receive(copy.view(), now);
    collect();
  }
  // Everything that is to be sent now.
  void flush(std::size_t room = 20000) {
    std::string out(room, '\0');
    while (const std::size_t count = session_->write(out)) {
      collect();
      for (h2::Frame& one : reader_.read(std::string_view(out).substr(0, count))) frames_.push_back(std::move(one));
    }
    collect();
  }
  // Answers with a body, as far as the client lets it.
  void answer(H2Stream& stream, std::string_view body) {
    session_->send_head(stream, ok_head, false);
    session_->offer(stream, body);
    flush();
  }
  void release(H2Stream* stream) {
    std::erase(streams_, stream);
    session_->release(*stream);
  }
  // The last frame of that type, or null.
  h2::Frame* last(std::uint8_t type, std::uint32_t stream = UINT32_MAX) {
    h2::Frame* found = nullptr;
    for (h2::Frame& one : frames_) {
      if (one.type == type && (stream == UINT32_MAX || one.stream == stream)) found = &one;
    }
    return found;
  }
  std::size_t count(std::uint8_t type) {
    return static_cast<std::size_t>(
        std::ranges::count_if(frames_, [&](const h2::Frame& one) { return one.type == type; }));
  }

 private:
  void collect() {
    while (H2Stream* stream = session_->next_changed()) {
      const unsigned changes = stream->take_changes();
      if ((changes & H2Stream::began) != 0) {
        streams_.push_back(stream);
        stream->set_user(this);
        log_ += "began " + std::to_string(stream->id()) + "\n" + std::string(stream->head().text());
      }
      if ((changes & H2Stream::over) != 0) {
        log_ += "over " + std::to_string(stream->id()) + " " + std::string(to_string(stream->error())) + "\n";
      }
    }
  }

  std::unique_ptr<H2Session> session_;
  h2::Reader reader_;
  std::vector<h2::Frame> frames_;
  std::vector<H2Stream*> streams_;
  std::string log_;
};

inline std::string read_all(Served& served, H2Stream& stream) {
  std::string body;
  while (stream.received().size() != 0) {
    const std::string piece(stream.received().front());
    body += piece;
    served.session().consume(stream, piece.size());
  }
  return body;
}

}  // namespace sluice::http
