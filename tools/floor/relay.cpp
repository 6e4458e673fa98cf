#include "relay.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"

namespace sluice::floor {

// The low byte of user_data; above it the index of the pair. Those after `cancel` belong to no pair.
enum class Relay::Operation : std::uint8_t {
  connect,
  receive_upwards,
  receive_downwards,
  send_upwards,
  send_downwards,
  cancel,
  accept,
  accept_cancel,
  accept_rest,
  signal,
};

namespace {

// Makes close() send RST, so that a failure on one side is one on the other side too.
void close_by_reset(int socket) noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

int Relay::run() noexcept {
  start_accept();
  io_uring_sqe& entry = new_entry(Operation::signal, nullptr);
  io_uring_prep_poll_add(&entry, signals_, POLLIN);
  ++loose_;

  while (!stopping_ || pairs_used_ > 0 || loose_ > 0) {
    if (const int result = wait(); result < 0) return result;
    unsigned seen = 0;
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      handle(*completion);
      ++seen;
    }
    io_uring_cq_advance(&ring_, seen);
    buffers_.publish();
  }
  return static_cast<int>(buffers_.held() + tried_);
}

// Every send that was just queued completes while it is submitted, so one completion more than those is the first news:
// one system call for each turn of the loop instead of two. Not where the end of such a send lets something else begin.
int Relay::wait() noexcept {
  ++counts_.turns;
  const unsigned expected = more_to_do_ ? std::max(tried_, 1U) : tried_ + 1;
  more_to_do_ = false;
  const int result = io_uring_submit_and_wait(&ring_, expected);
  // EAGAIN and EBUSY: the kernel is short of memory, or wants its completions read first; both pass.
  if (result == -EINTR || result == -EAGAIN || result == -EBUSY) return 0;
  return std::min(result, 0);
}

void Relay::handle(const io_uring_cqe& completion) noexcept {
  const auto operation = static_cast<Operation>(completion.user_data & 0xffU);
  if (operation > Operation::cancel) return handle_loose(operation, completion);
  Pair& pair = pairs_[completion.user_data >> 8U];
  SLUICE_ASSERT(pair.in_flight > 0);
  handle_pair(pair, operation, completion);
  if (pair.phase == Phase::closing && pair.in_flight == 0) release(pair);
}

void Relay::handle_pair(Pair& pair, Operation operation, const io_uring_cqe& completion) noexcept {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) --pair.in_flight;
  switch (operation) {
    case Operation::receive_upwards:
      return on_receive(pair, pair.flows[upwards], completion);
    case Operation::receive_downwards:
      return on_receive(pair, pair.flows[downwards], completion);
    case Operation::send_upwards:
      return on_send(pair, pair.flows[upwards], completion.res);
    case Operation::send_downwards:
      return on_send(pair, pair.flows[downwards], completion.res);
    case Operation::connect:
      return on_connect(pair, completion.res);
    default:
      return;  // a cancel: whether it found something does not matter, that it is over does
  }
}

void Relay::handle_loose(Operation operation, const io_uring_cqe& completion) noexcept {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) --loose_;
  switch (operation) {
    case Operation::accept:
      return on_accept(completion);
    case Operation::accept_rest:
      accept_ = Accept::off;
      return start_accept();
    case Operation::signal:
      return stop();
    default:
      return;
  }
}

io_uring_sqe& Relay::new_entry(Operation operation, const Pair* pair) noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    (void)io_uring_submit(&ring_);  // what it could not take now it takes in the next round
    entry = io_uring_get_sqe(&ring_);
  }
  // Before the prep function of the operation, which leaves user_data alone in all supported versions of the library.
  entry->user_data = name_of(operation, pair);
  return *entry;
}

std::uint64_t Relay::name_of(Operation operation, const Pair* pair) const noexcept {
  const auto index = pair == nullptr ? 0U : static_cast<std::uint64_t>(pair - pairs_.get());
  return index << 8U | static_cast<std::uint64_t>(operation);
}

Relay::Operation Relay::receive_of(const Pair& pair, const Flow& flow) noexcept {
  return &flow == &pair.flows[upwards] ? Operation::receive_upwards : Operation::receive_downwards;
}

// ---- accepting

void Relay::start_accept() noexcept {
  if (stopping_ || accept_ != Accept::off || pairs_used_ == options_.pairs_max) return;
  io_uring_sqe& entry = new_entry(Operation::accept, nullptr);
  io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
  accept_ = Accept::armed;
  ++loose_;
}

void Relay::pause_accept() noexcept {
  if (accept_ != Accept::armed) return;
  io_uring_sqe& entry = new_entry(Operation::accept_cancel, nullptr);
  io_uring_prep_cancel64(&entry, name_of(Operation::accept, nullptr), 0);
  accept_ = Accept::stopping;
  ++loose_;
}

// Out of descriptors or memory: to accept again at once would spin.
void Relay::rest_accept() noexcept {
  static __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
  io_uring_sqe& entry = new_entry(Operation::accept_rest, nullptr);
  io_uring_prep_timeout(&entry, &pause, 0, 0);
  accept_ = Accept::resting;
  ++loose_;
}

void Relay::on_accept(const io_uring_cqe& completion) noexcept {
  if (completion.res >= 0) start_pair(completion.res);
  if ((completion.flags & IORING_CQE_F_MORE) != 0) {
    if (pairs_used_ == options_.pairs_max) pause_accept();
    return;
  }
  accept_ = Accept::off;
  if (completion.res >= 0 || completion.res == -ECANCELED) return start_accept();
  if (!stopping_) rest_accept();
}

void Relay::start_pair(int client) noexcept {
  ++counts_.accepted;
  // A client that was accepted while the accept was being cancelled finds no free pair.
  const int upstream = free_.is_empty() || stopping_ ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (upstream < 0) {
    ++counts_.refused;
    close(client);
    return;
  }
  const int on = 1;  // the client's socket has it from the listener
  (void)setsockopt(upstream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

  Pair& pair = *free_.pop_front();
  ++pairs_used_;
  pair.phase = Phase::connecting;
  pair.flows[upwards].source = pair.flows[downwards].sink = client;
  pair.flows[upwards].sink = pair.flows[downwards].source = upstream;
  io_uring_sqe& entry = new_entry(Operation::connect, &pair);
  io_uring_prep_connect(&entry, upstream, reinterpret_cast<const sockaddr*>(&options_.upstream),
                        sizeof options_.upstream);
  ++pair.in_flight;
}

void Relay::on_connect(Pair& pair, int result) noexcept {
  if (pair.phase != Phase::connecting) return;
  if (result < 0) return fail(pair);
  pair.phase = Phase::relaying;
  for (Flow& flow : pair.flows) start_receive(pair, flow);
}

// ---- receiving

void Relay::start_receive(Pair& pair, Flow& flow) noexcept {
  io_uring_sqe& entry = new_entry(receive_of(pair, flow), &pair);
  io_uring_prep_recv_multishot(&entry, flow.source, nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = Buffers::group;
  flow.receive = Receive::armed;
  ++pair.in_flight;
}

void Relay::start_receive_alone(Pair& pair, Flow& flow) noexcept {
  SLUICE_ASSERT(flow.queued == 0);
  io_uring_sqe& entry = new_entry(receive_of(pair, flow), &pair);
  io_uring_prep_recv(&entry, flow.source, buffers_.data(flow.own_buffer), buffers_.bytes(), 0);
  flow.receive = Receive::alone;
  ++pair.in_flight;
}

void Relay::stop_receive(Pair& pair, Flow& flow) noexcept {
  io_uring_sqe& entry = new_entry(Operation::cancel, &pair);
  io_uring_prep_cancel64(&entry, name_of(receive_of(pair, flow), &pair), 0);
  flow.receive = Receive::stopping;
  ++pair.in_flight;
}

void Relay::on_receive(Pair& pair, Flow& flow, const io_uring_cqe& completion) noexcept {
  ++counts_.receives;
  const bool is_alone = flow.receive == Receive::alone;
  const bool is_from_ring = (completion.flags & IORING_CQE_F_BUFFER) != 0;
  const std::uint32_t buffer = is_from_ring ? completion.flags >> IORING_CQE_BUFFER_SHIFT : flow.own_buffer;
  if (is_from_ring) buffers_.take();
  if (completion.res > 0 && pair.phase == Phase::relaying) {
    push(flow, buffer, static_cast<std::uint32_t>(completion.res));
  } else if (is_from_ring) {
    buffers_.give_back(buffer);
  }
  if ((completion.flags & IORING_CQE_F_MORE) == 0) on_receive_end(pair, flow, completion.res);
  if (is_alone && flow.receive == Receive::off) flow.receive = Receive::starved;
  if (pair.phase == Phase::relaying) advance(pair, flow);
}

void Relay::on_receive_end(Pair& pair, Flow& flow, int result) noexcept {
  flow.receive = Receive::off;
  if (pair.phase != Phase::relaying) return;
  switch (result) {
    case 0:
      flow.receive = Receive::ended;
      return;
    case -ENOBUFS:
      flow.receive = Receive::starved;
      ++counts_.starved;
      return;
    case -ECANCELED:  // by stop_receive()
    case -EINTR:
    case -EAGAIN:
      return;
    default:
      // With bytes, the kernel ended the multishot because the completion queue was full: advance() arms it again.
      if (result < 0) fail(pair);
  }
}

// ---- sending

void Relay::start_send(Pair& pair, Flow& flow, Send mode) noexcept {
  const bool is_upwards = &flow == &pair.flows[upwards];
  io_uring_sqe& entry = new_entry(is_upwards ? Operation::send_upwards : Operation::send_downwards, &pair);
  const int flags = mode == Send::tried ? MSG_NOSIGNAL | MSG_DONTWAIT : MSG_NOSIGNAL;
  io_uring_prep_send(&entry, flow.sink, buffers_.data(flow.head) + flow.head_sent,
                     slots_[flow.head].bytes - flow.head_sent, flags);
  flow.send = mode;
  if (mode == Send::tried) ++tried_;
  ++pair.in_flight;
}

void Relay::on_send(Pair& pair, Flow& flow, int result) noexcept {
  SLUICE_ASSERT(flow.send == Send::tried || flow.send == Send::waiting);
  if (flow.send == Send::tried) --tried_;
  flow.send = Send::idle;
  if (pair.phase != Phase::relaying) return;
  if (result < 0 && result != -EAGAIN && result != -EINTR) return fail(pair);

  const auto sent = static_cast<std::uint32_t>(std::max(result, 0));
  counts_.bytes += sent;
  flow.head_sent += sent;
  if (flow.head_sent < slots_[flow.head].bytes) {
    ++counts_.short_sends;
    return start_send(pair, flow, Send::waiting);
  }
  pop(flow);
  if (flow.receive == Receive::starved) flow.receive = Receive::off;  // the ring may have buffers again
  advance(pair, flow);
}

// Does what the flow can do next.
void Relay::advance(Pair& pair, Flow& flow) noexcept {
  if (flow.send == Send::idle && flow.queued > 0) start_send(pair, flow, Send::tried);
  switch (flow.receive) {
    case Receive::off:
      if (flow.queued <= flow_buffers_max_ / 2) start_receive(pair, flow);
      break;
    case Receive::armed:
      if (flow.queued >= flow_buffers_max_) stop_receive(pair, flow);
      break;
    case Receive::starved:
      if (flow.queued == 0) start_receive_alone(pair, flow);
      break;
    case Receive::ended:
      if (flow.queued == 0 && flow.send == Send::idle) pass_end_on(pair, flow);
      break;
    case Receive::alone:
    case Receive::stopping:
      break;
  }
  const bool only_receives = flow.receive == Receive::armed || flow.receive == Receive::alone;
  if (flow.send == Send::tried && (flow.queued > 1 || !only_receives)) more_to_do_ = true;
}

void Relay::push(Flow& flow, std::uint32_t buffer, std::uint32_t bytes) noexcept {
  slots_[buffer].bytes = bytes;
  if (flow.queued == 0) {
    flow.head = buffer;
    flow.head_sent = 0;
  } else {
    slots_[flow.tail].next = buffer;
  }
  flow.tail = buffer;
  ++flow.queued;
}

void Relay::pop(Flow& flow) noexcept {
  const std::uint32_t buffer = flow.head;
  flow.head = slots_[buffer].next;
  flow.head_sent = 0;
  --flow.queued;
  if (buffer != flow.own_buffer) buffers_.give_back(buffer);
}

// ---- ending

void Relay::pass_end_on(Pair& pair, Flow& flow) noexcept {
  (void)shutdown(flow.sink, SHUT_WR);  // ENOTCONN: the sink is gone already, which its own receive reports
  flow.send = Send::finished;
  if (pair.flows[upwards].send == Send::finished && pair.flows[downwards].send == Send::finished)
    pair.phase = Phase::closing;
}

void Relay::fail(Pair& pair) noexcept {
  ++counts_.failed;
  for (const Flow& flow : pair.flows) close_by_reset(flow.source);
  abort(pair);
}

// Decides that the pair ends and cancels what is in flight; handle() or stop() releases it when all of that is over.
void Relay::abort(Pair& pair) noexcept {
  pair.phase = Phase::closing;
  if (pair.in_flight == 0) return;
  for (const Flow& flow : pair.flows) {
    io_uring_sqe& entry = new_entry(Operation::cancel, &pair);
    io_uring_prep_cancel_fd(&entry, flow.source, IORING_ASYNC_CANCEL_ALL);
    ++pair.in_flight;
  }
}

void Relay::release(Pair& pair) noexcept {
  SLUICE_ASSERT(pair.in_flight == 0);
  for (Flow& flow : pair.flows) {
    while (flow.queued > 0) pop(flow);
    close(flow.source);
    flow.source = flow.sink = -1;
    flow.receive = Receive::off;
    flow.send = Send::idle;
  }
  pair.phase = Phase::free;
  free_.push_front(pair);  // the slot used last is the one still in the cache
  --pairs_used_;
  start_accept();
}

void Relay::stop() noexcept {
  stopping_ = true;
  pause_accept();
  for (unsigned index = 0; index < options_.pairs_max; ++index) {
    Pair& pair = pairs_[index];
    if (pair.phase == Phase::free || pair.phase == Phase::closing) continue;
    abort(pair);
    if (pair.in_flight == 0) release(pair);
  }
}

}  // namespace sluice::floor
