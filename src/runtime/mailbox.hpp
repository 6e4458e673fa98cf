#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/list.hpp"
#include "runtime/strand.hpp"
#include "runtime/wheel.hpp"

namespace sluice::runtime {

class Loop;

// What: what one thread sends to a shard: a function and two words for it.
struct Message {
  void (*run)(Loop& receiver, std::uintptr_t first, std::uintptr_t second) = nullptr;
  std::uintptr_t first = 0;
  std::uintptr_t second = 0;
};

// What a shard runs for another one that awaits the answer. Must not wait.
using CallFunction = std::uintptr_t (*)(Loop& callee, std::uintptr_t argument);

// What: a bounded queue of messages from any thread to one shard (Vyukov's array queue with one consumer), and the
// replies
//       to this shard's own calls.
// Shard: post() from any thread, the rest from the owner.
// Invariants: a message that post() took is run exactly once; a call is answered exactly once, before its deadline or
// not.
class Mailbox {
 public:
  Mailbox(Loop& owner, std::size_t entries);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False when it is full: the sender sheds or tries later. Wakes the shard.
  [[nodiscard]] bool post(const Message& message);
  [[nodiscard]] bool has_mail() const;
  void deliver();
  // No call of ours is unanswered, and no answer of ours is unsent.
  [[nodiscard]] bool is_idle() const;

 private:
  friend class Call;
  struct Cell {
    std::atomic<std::size_t> sequence;
    Message message;
  };
  // What: a call on its way: made by the caller, run by the callee, given back by the caller when the answer is there.
  // Its
  //       memory is the caller's and outlives a caller that stopped waiting.
  struct Pending {
    CallFunction function = nullptr;
    std::uintptr_t argument = 0;
    std::uintptr_t answer = 0;
    Loop* caller = nullptr;
    class Call* waiting = nullptr;  // null once nobody waits any more
    Pending* next_free = nullptr;
    ListHook unsent_hook;  // in the callee's list
  };
  static constexpr std::size_t calls_max = 64;

  [[nodiscard]] bool take(Message& out);
  [[nodiscard]] Pending* new_call();
  void free_call(Pending& pending);
  void answer(Pending& pending);
  static void run_call(Loop& callee, std::uintptr_t pending, std::uintptr_t unused);
  static void run_answer(Loop& caller, std::uintptr_t pending, std::uintptr_t unused);

  Loop& owner_;
  std::size_t mask_;
  std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::size_t head_ = 0;
  std::vector<Pending> calls_;
  Pending* free_calls_ = nullptr;
  std::size_t calls_out_ = 0;
  List<Pending, &Pending::unsent_hook> unsent_answers_;
};

// What: `co_await Call(callee, function, argument, deadline)` runs `function` on another shard and gives its answer.
//       Errors: exhausted (its mailbox is full, or too many calls of ours are open), timed_out, cancelled.
class Call final : public Suspension, public Timer {
 public:
  Call(Loop& callee, CallFunction function, std::uintptr_t argument, Instant deadline)
      : callee_(callee), function_(function), argument_(argument), deadline_(deadline) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    return begin(handle, handle.promise().strand());
  }
  Result<std::uintptr_t> await_resume() noexcept { return result_; }

 private:
  friend class Mailbox;
  [[nodiscard]] bool begin(std::coroutine_handle<> handle, Strand& strand);
  void on_deadline() override;
  void on_cancelled() override;
  void on_answer(std::uintptr_t answer);
  void give_up(ErrorCode code);

  Loop& callee_;
  CallFunction function_;
  std::uintptr_t argument_;
  Instant deadline_;
  Mailbox::Pending* pending_ = nullptr;
  Result<std::uintptr_t> result_ = failure(ErrorCode::cancelled);
};

}  // namespace sluice::runtime
