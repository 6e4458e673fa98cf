#include "net/pipe_pool.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "runtime/kernel.hpp"

namespace sluice::net {

namespace kernel = runtime::kernel;

namespace {
// What a pipe has without asking. Once pipe-user-pages-soft is used up, new ones have two pages: copying is better
// then.
constexpr int smallest_useful_bytes = 65536;
}  // namespace

Pipe::~Pipe() {
  if (pool_ != nullptr) pool_->give_back(*this);
}

long Pipe::fill_from(int socket, std::size_t bytes) {
  std::size_t room = capacity_ - filled_;
  long moved = kernel::splice(socket, write_end_, std::min(bytes, room));
  if (moved > 0) filled_ += static_cast<std::size_t>(moved);
  return moved;
}

long Pipe::drain_to(int socket) {
  long moved = kernel::splice(read_end_, socket, filled_);
  if (moved > 0) filled_ -= static_cast<std::size_t>(moved);
  return moved;
}

PipePool::PipePool(const PipePoolSettings& settings) : settings_(settings) { kept_.reserve(settings.count_max); }

PipePool::~PipePool() {
  SLUICE_ASSERT(outstanding_ == 0);
  for (const Ends& ends : kept_) {
    kernel::close(ends.read_end);
    kernel::close(ends.write_end);
  }
}

Pipe PipePool::shortage() {
  shortages_.store(shortages_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return {};
}

Pipe PipePool::take() {
  if (!kept_.empty()) {
    Ends ends = kept_.back();
    kept_.pop_back();
    ++outstanding_;
    return Pipe(*this, ends.read_end, ends.write_end, ends.capacity);
  }
  if (open() >= settings_.count_max) return shortage();
  int ends[2] = {-1, -1};
  if (kernel::pipe(ends) < 0) return shortage();
  // An unprivileged user gets 64 MiB of pipes at the large size and then EPERM: the default size still serves.
  int capacity = kernel::set_pipe_size(ends[1], static_cast<int>(settings_.pipe_bytes));
  if (capacity < 0) capacity = kernel::pipe_size(ends[1]);
  if (capacity < std::min(smallest_useful_bytes, static_cast<int>(settings_.pipe_bytes))) {
    kernel::close(ends[0]);
    kernel::close(ends[1]);
    return shortage();
  }
  ++outstanding_;
  return Pipe(*this, ends[0], ends[1], static_cast<std::size_t>(capacity));
}

void PipePool::give_back(Pipe& pipe) {
  SLUICE_ASSERT(outstanding_ > 0);
  --outstanding_;
  if (pipe.filled_ != 0) {
    kernel::close(pipe.read_end_);
    kernel::close(pipe.write_end_);
    return;
  }
  kept_.push_back({pipe.read_end_, pipe.write_end_, pipe.capacity_});
}

std::uint64_t& Pipe::left_this_turn(std::uint64_t turn) {
  SLUICE_ASSERT(pool_ != nullptr);
  if (pool_->turn_ != turn) {
    pool_->turn_ = turn;
    pool_->left_this_turn_ = pool_->settings_.turn_bytes;
  }
  return pool_->left_this_turn_;
}

}  // namespace sluice::net
