#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "memory/frame_pool.hpp"
#include "runtime/strand.hpp"

namespace sluice::runtime {

// What every coroutine of ours has: its frame in the thread's pool, the strand it runs on, and who continues when it
// ends.
class PromiseBase {
 public:
  static void* operator new(std::size_t bytes) noexcept { return memory::FramePool::of_this_thread().allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept {
    memory::FramePool::of_this_thread().release(frame, bytes);
  }

  [[nodiscard]] Strand& strand() const { return *strand_; }
  void bind(Strand& strand, std::coroutine_handle<> continuation) {
    strand_ = &strand;
    continuation_ = continuation;
  }
  [[nodiscard]] std::coroutine_handle<> continuation() const { return continuation_; }

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }

 protected:
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().continuation();
    }
    void await_resume() noexcept {}
  };

 private:
  Strand* strand_ = nullptr;
  std::coroutine_handle<> continuation_;
};

template <class T>
class TaskPromise;

// What: a lazy coroutine that gives a T to the one coroutine that awaits it. Not started until awaited.
// Lifetime: the frame lives until the Task is destroyed, which must not happen while it waits for an operation in
// flight
//           (the operation asserts).
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      frame_.promise().bind(parent.promise().strand(), parent);
      return frame_;
    }
    T await_resume() noexcept { return frame_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> frame_;
  };
  Awaiter operator co_await() && noexcept {
    SLUICE_ASSERT(frame_);  // comparing a handle drags in std::expected's operator== for some T
    return Awaiter(frame_);
  }

 private:
  friend class TaskPromise<T>;
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

template <class T>
class TaskPromise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept { return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this)); }
  FinalAwaiter final_suspend() noexcept { return {}; }
  template <class U>
  void return_value(U&& value) noexcept {
    value_.emplace(std::forward<U>(value));
  }
  T take() noexcept {
    SLUICE_ASSERT(value_.has_value());
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  FinalAwaiter final_suspend() noexcept { return {}; }
  void return_void() noexcept {}
  void take() noexcept {}
};

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

// `Strand& strand = co_await this_strand();`
struct ThisStrand {
  Strand* strand = nullptr;
  bool await_ready() noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    strand = &self.promise().strand();
    return false;
  }
  Strand& await_resume() noexcept { return *strand; }
};
[[nodiscard]] inline ThisStrand this_strand() noexcept { return {}; }

// What: the first coroutine of a strand: it owns the strand and a Task<void>, and tells its owner when that has ended.
// Lifetime: destroys itself at its end.
class Branch {
 public:
  class Owner;
  class promise_type;

  // Runs `task` on a strand of its own until it first waits. `kind` names the branch in listings; lives as long as the
  // program.
  static void start(Owner& owner, Loop& loop, const char* kind, Task<void> task);

 private:
  explicit Branch(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  static Branch run(Loop& loop, Task<void> task);
  std::coroutine_handle<promise_type> frame_;
};

class Branch::promise_type final : public PromiseBase {
 public:
  promise_type(Loop& loop, Task<void>&) : strand_(loop) { bind(strand_, nullptr); }

  Branch get_return_object() noexcept { return Branch(std::coroutine_handle<promise_type>::from_promise(*this)); }
  auto final_suspend() noexcept {
    struct Ended {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> frame) noexcept { frame.promise().finish(frame); }
      void await_resume() noexcept {}
    };
    return Ended{};
  }
  void return_void() noexcept {}

  [[nodiscard]] Strand& strand() { return strand_; }
  [[nodiscard]] const char* kind() const { return strand_.kind(); }

 private:
  friend class Branch;
  friend class Owner;
  void finish(std::coroutine_handle<promise_type> frame) noexcept;

  Strand strand_;
  Owner* owner_ = nullptr;
  ListHook hook_;
};

// What: the branches of one Scope, or the roots of one Loop.
class Branch::Owner {
 public:
  [[nodiscard]] bool is_empty() const { return branches_.is_empty(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Cancels every branch that is there now; they leave as they end.
  void cancel_all();

  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (auto* branch = branches_.front(); branch != nullptr; branch = branches_.next(*branch)) {
      visit(branch->kind(), branch->strand());
    }
  }

 protected:
  ~Owner() = default;
  // A branch has left; the last thing that it does.
  virtual void on_branch_ended() = 0;

 private:
  friend class Branch;
  friend class Branch::promise_type;
  List<promise_type, &promise_type::hook_> branches_;
  std::size_t size_ = 0;
};

}  // namespace sluice::runtime
