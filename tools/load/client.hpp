#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "net/stream.hpp"
#include "response_reader.hpp"
#include "runtime/joined.hpp"
#include "runtime/operation.hpp"
#include "runtime/sync.hpp"
#include "runtime/task.hpp"
#include "runtime/wheel.hpp"
#include "tally.hpp"

namespace sluice::load {

class Worker;

// One request of a client's: from when it was to start.
struct Start {
  Instant due;            // latency counts from here
  Instant sent_at;        // the timeout from here; valid once it is sent
  std::size_t place = 0;  // in the mix
};

// What: one connection at a time, and the requests on it. run() opens and closes it; in between everything happens in
//       the completions, so that a request costs no coroutine: pump() sends what may start, on_unread_input() takes the
//       answers.
// Shard: its worker's. Lifetime: its worker's; run() has ended before it is destroyed.
// Invariants: starts_ are in their order, those that are sent before the others; answers come in that order. At most
// one send
//             is under way. While phase_ is not `open`, no start is sent.
class Client final : private net::Stream::Observer, private runtime::Timer {
 public:
  Client(Worker& worker, std::size_t index, std::size_t first_place);

  [[nodiscard]] runtime::Task<void> run();

  // A start is due on it (open loop).
  void add_due() { ++due_; }
  // Starts and sends what may be; wakes run() where that is about to wait for more to do. At the end of a turn.
  void pump(Instant now);
  // Starts that were due and are not taken: they never will be.
  template <class Visit>
  void forgo_due(Visit&& visit) {
    for (; taken_ < due_; ++taken_) visit(taken_);
  }
  [[nodiscard]] std::size_t index() const { return index_; }
  // Open loop: how many starts it has taken, and whether another is due.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] bool has_due() const { return taken_ < due_; }

 private:
  friend class Worker;
  enum class Phase : std::uint8_t {
    waiting,  // no connection, nothing to do
    opening,
    open,
    closing,
  };
  // What: a send or a receive of the client's own, which tells it the result.
  class Transfer final : public runtime::Operation {
   public:
    using Handler = void (Client::*)(int result);
    Transfer(Client& client, Handler handler) : client_(client), handler_(handler) {}
    runtime::Joined* joiner = nullptr;

   private:
    void on_completion(int result, unsigned flags) override;
    void on_joined() override;
    Client& client_;
    Handler handler_;
  };

  [[nodiscard]] runtime::Task<Result<void>> open();
  [[nodiscard]] runtime::Task<void> close();
  [[nodiscard]] bool take(Instant now);
  void send_next(Instant now);
  void send_rest();
  void on_sent(int result);
  void on_unread_input(net::Stream& stream) override;
  void receive_more();
  void skip_payload();
  void on_skipped(int result);
  void read(std::string_view bytes);
  void on_response();
  void on_end_of_input();
  void on_deadline() override;
  void watch_deadline();
  void fail_first(ErrorKind kind);
  void fail_sent(ErrorKind kind);
  void end();

  [[nodiscard]] Start& start_at(std::size_t i) { return starts_[(first_ + i) % starts_.size()]; }
  void pop_start();

  Worker& worker_;
  std::size_t index_;
  std::size_t place_;  // of the next start in the mix
  Phase phase_ = Phase::waiting;
  bool is_write_broken_ = false;
  bool was_long_ = false;  // the last answer's body was thrown away in the kernel
  std::uint64_t due_ = 0;  // open loop
  std::uint64_t taken_ = 0;
  std::vector<Start> starts_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t sent_ = 0;     // of count_
  std::string_view unsent_;  // bytes of the send under way
  std::optional<net::Stream> stream_;
  ResponseReader reader_;
  Transfer send_;
  Transfer skip_;         // of payload that nobody looks at, while the stream receives nothing
  runtime::Event wake_;   // there may be something to start
  runtime::Event ended_;  // the connection is of no further use
  ListHook pump_hook_;    // among those to pump at the end of the turn
};

}  // namespace sluice::load
