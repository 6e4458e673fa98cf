#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "control/admin.hpp"
#include "control/page.hpp"
#include "http/head.hpp"

namespace sluice::control {

// What: one client of the admin socket, through all its requests, one after the other.
// Shard: the control thread alone.
// Lifetime: until advance() says that it has ended.
// Invariants: a request is answered before the next one is looked at. Every state has a deadline.
class Admin::Connection {
 public:
  // Owns fd, which does not block.
  Connection(int fd, Instant now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Reads, answers and writes as far as that goes without waiting, and not much at a time. False: it has ended.
  [[nodiscard]] bool advance(Pages& pages, Instant now);
  [[nodiscard]] int fd() const { return fd_; }
  // When to advance() at the latest.
  [[nodiscard]] Instant wake_at() const;
  // Between two requests: nobody would miss much.
  [[nodiscard]] bool is_idle() const { return state_ == State::reading && in_.empty(); }
  // What it waits for, as epoll takes it.
  [[nodiscard]] std::uint32_t events() const;

  // The Admin's notes.
  std::uint32_t known_events = 0;  // that epoll has been told
  bool has_hung_up = false;        // the client closed its end: nobody would read an answer

 private:
  enum class State : std::uint8_t { reading, answering, lingering };

  [[nodiscard]] bool receive(Instant now);
  [[nodiscard]] bool begin_answer(Pages& pages, Instant now);
  // fields: further ones, whole lines.
  void begin(Answer answer, std::string_view fields = {});
  void refuse(int status);
  [[nodiscard]] bool fill();
  [[nodiscard]] bool flush(Instant now);
  void end_answer(Instant now);
  [[nodiscard]] bool linger();

  int fd_;
  State state_ = State::reading;
  Instant deadline_;
  Instant answer_end_;  // latest end of the answer that is going out
  std::string in_;
  std::size_t seen_ = 0;  // of in_, by the parser
  std::string out_;
  std::size_t sent_ = 0;  // of out_
  std::unique_ptr<Page> page_;
  std::string piece_;
  std::size_t lingered_ = 0;
  bool is_chunked_ = false;
  bool omits_body_ = false;
  bool keeps_alive_ = false;
  bool waits_for_page_ = false;
};

}  // namespace sluice::control
