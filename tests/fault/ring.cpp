#include "ring.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "user_memory.hpp"
#include "world.hpp"

namespace sluice::fault {

namespace {

enum SharedWord : std::size_t {
  submission_head,
  submission_tail,
  submission_flags,
  submission_dropped,
  completion_head,
  completion_tail,
  completion_flags,
  completion_overflow,
  shared_words,
};

}  // namespace

Ring::Ring(World& world, unsigned submission_entries, unsigned completion_entries)
    : world_(world),
      submissions_(std::bit_ceil(std::max(submission_entries, 1U))),
      completions_(std::bit_ceil(std::max(completion_entries, 1U))),
      array_(submissions_.size()),
      shared_(shared_words),
      head_(&shared_[completion_head]),
      tail_(&shared_[completion_tail]),
      submission_flags_(&shared_[SharedWord::submission_flags]) {
  for (unsigned i = 0; i < array_.size(); ++i) array_[i] = i;
  world_.add_ring(*this);
}

Ring::~Ring() {
  for (Operation& operation : operations_) {
    if (operation.file != nullptr) --operation.file->operations;
  }
  for (auto& [group, buffers] : buffers_) std::free(buffers.ring);
  world_.remove_ring(*this);
}

void Ring::map(io_uring& user, int fd) {
  std::memset(&user, 0, sizeof user);
  user.sq.khead = &shared_[submission_head];
  user.sq.ktail = &shared_[submission_tail];
  user.sq.kflags = submission_flags_;
  user.sq.kdropped = &shared_[submission_dropped];
  user.sq.array = array_.data();
  user.sq.sqes = submissions_.data();
  user.sq.ring_entries = static_cast<unsigned>(submissions_.size());
  user.sq.ring_mask = user.sq.ring_entries - 1;
  user.cq.khead = head_;
  user.cq.ktail = tail_;
  user.cq.kflags = &shared_[completion_flags];
  user.cq.koverflow = &shared_[completion_overflow];
  user.cq.cqes = completions_.data();
  user.cq.ring_entries = static_cast<unsigned>(completions_.size());
  user.cq.ring_mask = user.cq.ring_entries - 1;
  user.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  user.features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL;
  user.ring_fd = user.enter_ring_fd = fd;
}

// io_uring_enter(2) as liburing's submit-and-wait calls use it.
int Ring::enter(io_uring& user, unsigned wait_count, Duration timeout) {
  world_.count_enter();
  world_.tick();
  unsigned queued = user.sq.sqe_tail - *user.sq.khead;
  unsigned submitted = queued;
  bool returns_early = false;
  pretends_full_ = false;
  if (auto fault = world_.event(Call::ring_enter, Stage::call, {.queued = queued})) {
    if (fault->kind == FaultKind::fail) return -fault->error;
    if (fault->kind == FaultKind::short_one) submitted = 1;
    if (fault->kind == FaultKind::short_half) submitted = queued / 2;
    returns_early = fault->kind == FaultKind::return_early;
    pretends_full_ = fault->kind == FaultKind::overflow;
  }
  // With enough completions there already liburing only submits: no task work runs.
  bool only_submits = wait_count != 0 && timeout.count() >= 0 && ready_count() >= wait_count;
  user.sq.sqe_head = user.sq.sqe_tail;
  *user.sq.ktail = user.sq.sqe_tail;
  int result = submit_all(user, submitted);
  // What was not all submitted does not wait either.
  if (returns_early || submitted < queued || only_submits) return result;
  if (!pretends_full_) flush_backlog();
  int waited = wait(submitted, std::min(wait_count, static_cast<unsigned>(completions_.size())), timeout);
  pretends_full_ = false;
  return submitted != 0 ? result : waited;
}

int Ring::submit_all(io_uring& user, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    io_uring_sqe sqe = submissions_[*user.sq.khead & user.sq.ring_mask];
    ++*user.sq.khead;
    submit(sqe);
  }
  return static_cast<int>(count);
}

void Ring::submit(const io_uring_sqe& sqe) {
  constexpr unsigned known_flags = IOSQE_ASYNC | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
  if ((sqe.flags & ~known_flags) != 0) {
    post(sqe.user_data, -EINVAL, 0);
    return;
  }
  if (sqe.opcode == IORING_OP_ASYNC_CANCEL) return cancel(sqe);
  operations_.emplace_back();
  auto operation = std::prev(operations_.end());
  operation->sqe = sqe;
  issue(operation);
  if (operation->is_over) operations_.erase(operation);
}

// Returns 0, -ETIME or -EINTR; what the caller reports when it submitted nothing.
int Ring::wait(unsigned submitted, unsigned wait_count, Duration timeout) {
  Instant limit = timeout.count() < 0 ? Instant::never() : world_.now() + timeout;
  waiting_until = Instant::never();
  for (;;) {
    run_task_work();
    if (ready_count() >= wait_count || !backlog_.empty()) return 0;
    if (world_.run_idle()) continue;
    if (world_.now() >= limit) return ready_count() == 0 ? -ETIME : 0;
    waiting_until = limit;
    if (world_.should_yield(*this)) return submitted == 0 && ready_count() == 0 ? -EINTR : 0;
    world_.pass_time(limit);
    waiting_until = Instant::never();
  }
}

// Operations complete in the order in which they were submitted. Completing one may make another ready, also an earlier
// one.
void Ring::run_task_work() {
  std::erase_if(delayed_, [this](const Delayed& delayed) {
    if (world_.now() < delayed.at) return false;
    post(delayed.user_data, delayed.result, 0);
    return true;
  });
  for (auto operation = operations_.begin(); operation != operations_.end();) {
    advance(*operation);
    operation = operation->is_over ? operations_.erase(operation) : std::next(operation);
  }
}

void Ring::flush_backlog() {
  while (!backlog_.empty() && ready_count() < completions_.size()) {
    completions_[*tail_ & (completions_.size() - 1)] = backlog_.front();
    ++*tail_;
    backlog_.pop_front();
  }
  if (backlog_.empty()) *submission_flags_ &= ~static_cast<unsigned>(IORING_SQ_CQ_OVERFLOW);
}

bool Ring::post(std::uint64_t user_data, int result, unsigned flags, bool may_overflow) {
  constexpr std::uint64_t address_end = std::uint64_t{1} << 47;
  if (world_.checks_lifetimes && user_data < address_end && is_poisoned(user_data & ~std::uint64_t{7}, 1)) {
    world_.fail("a completion for an operation whose memory has been freed");
  }
  bool overflows = is_full() || !backlog_.empty();
  if (overflows && !may_overflow) return false;
  world_.note_progress();
  io_uring_cqe cqe{};
  cqe.user_data = user_data;
  cqe.res = result;
  cqe.flags = flags;
  wake();
  if (overflows) {
    backlog_.push_back(cqe);
    *submission_flags_ |= static_cast<unsigned>(IORING_SQ_CQ_OVERFLOW);
    return true;
  }
  completions_[*tail_ & (completions_.size() - 1)] = cqe;
  ++*tail_;
  return true;
}

int Ring::add_buffers(unsigned entries, int group, io_uring_buf_ring*& out) {
  if (!std::has_single_bit(entries) || entries > 32768) return -EINVAL;
  if (buffers_.contains(group)) return -EEXIST;
  constexpr std::size_t page = 4096;
  std::size_t bytes = (entries * sizeof(io_uring_buf) + page - 1) / page * page;
  out = static_cast<io_uring_buf_ring*>(std::aligned_alloc(page, bytes));
  if (out == nullptr) return -ENOMEM;
  std::memset(out, 0, bytes);
  buffers_[group] = {out, entries, 0};
  return 0;
}

bool Ring::remove_buffers(int group, const io_uring_buf_ring* buffers) {
  auto found = buffers_.find(group);
  if (found == buffers_.end() || found->second.ring != buffers) return false;
  std::free(found->second.ring);
  buffers_.erase(found);
  return true;
}

Instant Ring::next_event() const {
  Instant next = Instant::never();
  auto consider = [&](Instant at) {
    if (at > world_.now()) next = std::min(next, at);
  };
  consider(waiting_until);
  for (const Delayed& delayed : delayed_) consider(delayed.at);
  for (const Operation& operation : operations_) {
    consider(operation.not_before);
    if (operation.call == Call::op_timeout) consider(operation.due);
  }
  return next;
}

short Ring::poll() const { return ready_count() != 0 ? short{POLLIN | POLLRDNORM} : short{0}; }

}  // namespace sluice::fault
