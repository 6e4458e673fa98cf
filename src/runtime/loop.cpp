#include "runtime/loop.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "runtime/kernel.hpp"

namespace sluice::runtime {

namespace {

constexpr std::uint64_t cancel_tag = 1;
constexpr Duration at_once_wait_max = std::chrono::milliseconds(1);

std::uint64_t user_data_of(const Operation& operation) { return reinterpret_cast<std::uintptr_t>(&operation); }

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  // One writer: a plain load and store instead of a locked add.
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

// What: the read of the eventfd that other threads signal; always in flight while the loop runs.
class Loop::Wakeup final : public Operation {
 public:
  Wakeup(Loop& loop, int event) : loop_(loop), event_(event) {}
  ~Wakeup() { kernel::close(event_); }

  void arm() {
    if (in_flight() || closing_) return;
    io_uring_sqe* sqe = loop_.next_sqe();
    if (sqe == nullptr) return;  // the next turn tries again
    io_uring_prep_read(sqe, event_, &count_, sizeof count_, 0);
    loop_.start(*this, sqe);
  }
  void close() {
    closing_ = true;
    loop_.cancel(*this);
  }
  void signal() const { (void)kernel::event_signal(event_); }

 private:
  void on_completion(int /*result*/, unsigned /*flags*/) override {}
  void on_joined() override {}

  Loop& loop_;
  int event_;
  bool closing_ = false;
  std::uint64_t count_ = 0;
};

Loop::Loop(const LoopSettings& settings)
    : settings_(settings),
      now_(kernel::now()),
      wheel_(now_),
      random_(kernel::random_seed()),
      mailbox_(*this, settings.mailbox_entries) {}

Result<std::unique_ptr<Loop>> Loop::open(const LoopSettings& settings) {
  std::unique_ptr<Loop> loop(new Loop(settings));
  int result = kernel::ring_open(loop->ring_, {settings.submission_entries, settings.completion_entries});
  if (result < 0) return std::unexpected(error_from_errno(-result));
  loop->ring_open_ = true;
  int event = kernel::event_open();
  if (event < 0) return std::unexpected(error_from_errno(-event));
  loop->wakeup_ = std::make_unique<Wakeup>(*loop, event);
  return loop;
}

Loop::~Loop() {
  SLUICE_ASSERT(roots() == 0);
  if (wakeup_) {
    wakeup_->close();
    while (wakeup_->in_flight()) turn(Instant::never());
  }
  SLUICE_ASSERT(operations_in_flight_ == 0);
  wakeup_.reset();
  if (ring_open_) kernel::ring_close(ring_);
}

bool Loop::is_idle() const {
  bool only_wakeup = operations_in_flight_ == (wakeup_->in_flight() ? 1U : 0U);
  return roots() == 0 && only_wakeup && mailbox_.is_idle() && ready_.is_empty();
}

void Loop::run() {
  while (!stopping_ || !is_idle()) turn(Instant::never());
}

void Loop::turn(Instant limit) {
  // From its second turn on a loop is busy since it woke from its last wait.
  if (turn_number() == 0) activity_.busy_since_ns.store(kernel::now().ns(), std::memory_order_relaxed);
  run_ready();
  submit_cancels();
  wakeup_->arm();
  enter(limit);
  Instant woken = now_;
  set_stage("completions");
  dispatch();
  set_stage("timers");
  wheel_.advance(now_);
  set_stage("messages");
  mailbox_.deliver();
  set_stage("ready");
  run_ready();
  set_stage("end of turn");
  for (TurnEnd* observer = turn_ends_.front(); observer != nullptr; observer = turn_ends_.next(*observer)) {
    observer->on_turn_end();
  }
  read_clock();
  add(counters_.turns, 1);
  add(counters_.busy_ns, static_cast<std::uint64_t>((now_ - woken).count()));
}

void Loop::run_ready() {
  // What becomes ready meanwhile waits for the next round: the ring and the timers get their turn in between.
  List<Suspension, &Suspension::ready_hook_> batch;
  batch.splice_back(ready_);
  while (Suspension* waiting = batch.pop_front()) waiting->resume();
}

void Loop::enter(Instant limit) {
  Instant until = std::min(limit, wheel_.next_expiry());
  bool must_not_wait = !ready_.is_empty() || !unsent_cancels_.is_empty() || !wakeup_->in_flight() || until <= now_;
  // The last root may have ended in this very turn.
  if (stopping_ && is_idle()) must_not_wait = true;
  if (!must_not_wait) {
    // The other half of the handshake is in wake(): whoever posts after this store signals the eventfd.
    sleeping_.store(true, std::memory_order_seq_cst);
    must_not_wait = mailbox_.has_mail();
  }
  Duration timeout = must_not_wait ? Duration(0) : until.is_never() ? Duration(-1) : until - now_;
  // Every failure is met again on the next turn: EINTR and ETIME are ordinary, EBUSY and EAGAIN pass once completions
  // have been taken off.
  if (expected_at_once_ != 0 && !must_not_wait) {
    // Should one of them not complete after all, the others are kept waiting for so long at most.
    timeout = timeout.count() < 0 ? at_once_wait_max : std::min(timeout, at_once_wait_max);
  }
  set_stage("io_uring_enter");
  if (must_not_wait) {
    (void)kernel::ring_enter(ring_, 0, timeout, Duration(0));
  } else {
    activity_.busy_since_ns.store(0, std::memory_order_relaxed);
    (void)wait_for_completions(timeout);
  }
  expected_at_once_ = 0;
  sleeping_.store(false, std::memory_order_relaxed);
  read_clock();
  activity_.busy_since_ns.store(now_.ns(), std::memory_order_release);
}

int Loop::wait_for_completions(Duration timeout) {
  // More would only make the turn behind it longer.
  constexpr unsigned batch_max = 64;
  const unsigned wanted = 1 + expected_at_once_;
  if (settings_.batch_wait.count() == 0 || !kernel::can_batch(ring_)) {
    return kernel::ring_enter(ring_, wanted, timeout, Duration(0));
  }
  // A wait that is shorter than a batch ends with its timeout.
  const bool is_short = timeout.count() >= 0 && timeout <= settings_.batch_wait;
  return kernel::ring_enter(ring_, std::max(wanted, batch_max), timeout, is_short ? Duration(0) : settings_.batch_wait);
}

void Loop::dispatch() {
  std::uint64_t count = 0;
  unsigned head = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    const std::uint64_t user_data = cqe->user_data;
    const int result = cqe->res;
    const unsigned flags = cqe->flags;
    auto& operation = *reinterpret_cast<Operation*>(user_data & ~cancel_tag);
    // Off the queue before the handler runs: a handler may fill the submission queue and enter the ring.
    io_uring_cq_advance(&ring_, 1);
    ++count;
    if ((user_data & cancel_tag) != 0) {
      SLUICE_ASSERT(operation.is_cancelling());
      operation.pending_ &= static_cast<std::uint8_t>(~Operation::cancel_pending);
      if (!operation.in_flight()) {
        --operations_in_flight_;
        operation.on_joined();
      }
      continue;
    }
    SLUICE_ASSERT((operation.pending_ & Operation::result_pending) != 0);
    if ((flags & IORING_CQE_F_MORE) == 0) {
      operation.pending_ &= static_cast<std::uint8_t>(~Operation::result_pending);
      if (!operation.in_flight()) --operations_in_flight_;
    }
    operation.on_completion(result, flags);
  }
  add(counters_.completions, count);
}

void Loop::read_clock() { now_ = kernel::now(); }

io_uring_sqe* Loop::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe != nullptr) [[likely]]
    return sqe;
  (void)kernel::ring_enter(ring_, 0, Duration(0), Duration(0));
  sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) add(counters_.submission_shortages, 1);
  return sqe;
}

void Loop::start(Operation& operation, io_uring_sqe* sqe) {
  SLUICE_ASSERT(!operation.in_flight());
  io_uring_sqe_set_data64(sqe, user_data_of(operation));
  operation.pending_ = Operation::result_pending;
  ++operations_in_flight_;
}

void Loop::cancel(Operation& operation) {
  if ((operation.pending_ & Operation::result_pending) == 0 || operation.is_cancelling()) return;
  operation.pending_ |= Operation::cancel_pending;
  if (!submit_cancel(operation)) unsent_cancels_.push_back(operation);
}

bool Loop::submit_cancel(Operation& operation) {
  io_uring_sqe* sqe = next_sqe();
  if (sqe == nullptr) return false;
  io_uring_prep_cancel64(sqe, user_data_of(operation), 0);
  io_uring_sqe_set_data64(sqe, user_data_of(operation) | cancel_tag);
  return true;
}

void Loop::submit_cancels() {
  while (Operation* operation = unsent_cancels_.pop_front()) {
    if (!submit_cancel(*operation)) {
      unsent_cancels_.push_front(*operation);
      return;
    }
  }
}

void Loop::wake() {
  if (sleeping_.load(std::memory_order_seq_cst)) wakeup_->signal();
}

void Strand::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  if (waiting_ != nullptr) waiting_->on_cancelled();
}

}  // namespace sluice::runtime
