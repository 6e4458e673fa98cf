#include "runtime/mailbox.hpp"

#include "base/assert.hpp"
#include "runtime/loop.hpp"

namespace sluice::runtime {

Mailbox::Mailbox(Loop& owner, std::size_t entries)
    : owner_(owner), mask_(entries - 1), cells_(std::make_unique<Cell[]>(entries)), calls_(calls_max) {
  SLUICE_ASSERT((entries & mask_) == 0 && entries > 1);
  for (std::size_t i = 0; i < entries; ++i) cells_[i].sequence.store(i, std::memory_order_relaxed);
  for (Pending& pending : calls_) {
    pending.next_free = free_calls_;
    free_calls_ = &pending;
  }
}

Mailbox::~Mailbox() { SLUICE_ASSERT(is_idle()); }

bool Mailbox::post(const Message& message) {
  std::size_t position = tail_.load(std::memory_order_relaxed);
  Cell* cell = nullptr;
  for (;;) {
    cell = &cells_[position & mask_];
    std::size_t sequence = cell->sequence.load(std::memory_order_acquire);
    if (sequence == position) {
      if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) break;
    } else if (sequence < position) {
      return false;
    } else {
      position = tail_.load(std::memory_order_relaxed);
    }
  }
  cell->message = message;
  // seq_cst, with the load in Loop::wake: either the shard sees this message before it sleeps, or we see it asleep.
  cell->sequence.store(position + 1, std::memory_order_seq_cst);
  owner_.wake();
  return true;
}

bool Mailbox::has_mail() const {
  return cells_[head_ & mask_].sequence.load(std::memory_order_seq_cst) == head_ + 1 || !unsent_answers_.is_empty();
}

bool Mailbox::take(Message& out) {
  Cell& cell = cells_[head_ & mask_];
  if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) return false;
  out = cell.message;
  cell.sequence.store(head_ + mask_ + 1, std::memory_order_release);
  ++head_;
  return true;
}

void Mailbox::deliver() {
  while (Pending* pending = unsent_answers_.pop_front()) {
    if (pending->caller->mailbox().post({&run_answer, reinterpret_cast<std::uintptr_t>(pending), 0})) continue;
    unsent_answers_.push_front(*pending);
    break;
  }
  // At most one round of the queue: senders that never stop do not keep the shard from its ring.
  Message message;
  for (std::size_t count = 0; count <= mask_ && take(message); ++count) {
    message.run(owner_, message.first, message.second);
  }
}

bool Mailbox::is_idle() const { return calls_out_ == 0 && unsent_answers_.is_empty() && !has_mail(); }

Mailbox::Pending* Mailbox::new_call() {
  Pending* pending = free_calls_;
  if (pending == nullptr) return nullptr;
  free_calls_ = pending->next_free;
  ++calls_out_;
  return pending;
}

void Mailbox::free_call(Pending& pending) {
  pending.next_free = free_calls_;
  free_calls_ = &pending;
  --calls_out_;
}

void Mailbox::run_call(Loop& callee, std::uintptr_t pending_address, std::uintptr_t /*unused*/) {
  auto& pending = *reinterpret_cast<Pending*>(pending_address);
  pending.answer = pending.function(callee, pending.argument);
  callee.mailbox().answer(pending);
}

void Mailbox::answer(Pending& pending) {
  if (pending.caller->mailbox().post({&run_answer, reinterpret_cast<std::uintptr_t>(&pending), 0})) return;
  unsent_answers_.push_back(pending);
}

void Mailbox::run_answer(Loop& caller, std::uintptr_t pending_address, std::uintptr_t /*unused*/) {
  auto& pending = *reinterpret_cast<Pending*>(pending_address);
  Call* waiting = pending.waiting;
  std::uintptr_t answer = pending.answer;
  caller.mailbox().free_call(pending);
  if (waiting != nullptr) waiting->on_answer(answer);
}

bool Call::begin(std::coroutine_handle<> handle, Strand& strand) {
  if (strand.is_cancelled()) return false;
  Mailbox& own = strand.loop().mailbox();
  pending_ = own.new_call();
  if (pending_ == nullptr) {
    result_ = failure(ErrorCode::exhausted);
    return false;
  }
  pending_->function = function_;
  pending_->argument = argument_;
  pending_->caller = &strand.loop();
  pending_->waiting = this;
  // Before the post: a callee on this very loop may answer only in a later turn, but another thread may answer at once.
  suspend(handle, strand);
  if (!callee_.mailbox().post({&Mailbox::run_call, reinterpret_cast<std::uintptr_t>(pending_), 0})) {
    own.free_call(*pending_);
    withdraw();
    result_ = failure(ErrorCode::exhausted);
    return false;
  }
  strand.loop().wheel().arm(*this, deadline_);
  return true;
}

void Call::on_answer(std::uintptr_t answer) {
  result_ = answer;
  strand().loop().wheel().disarm(*this);
  resume();
}

void Call::give_up(ErrorCode code) {
  if (pending_->waiting != this) return;  // given up before
  pending_->waiting = nullptr;
  result_ = failure(code);
  if (is_armed()) strand().loop().wheel().disarm(*this);
  make_ready();
}

void Call::on_deadline() { give_up(ErrorCode::timed_out); }

void Call::on_cancelled() { give_up(ErrorCode::cancelled); }

}  // namespace sluice::runtime
