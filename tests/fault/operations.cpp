#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "files.hpp"
#include "pipes.hpp"
#include "ring.hpp"
#include "sockets.hpp"
#include "user_memory.hpp"
#include "world.hpp"

// What each opcode does: the Linux of 6.1 and later, io_uring/net.c, poll.c, rw.c, timeout.c and msg_ring.c.
namespace sluice::fault {

namespace {

// IO_POLL_UNMASK: what a poll is told of whether it asks or not.
constexpr unsigned poll_always = POLLERR | POLLHUP | POLLRDHUP;

std::size_t bytes_of(const std::vector<Piece>& pieces) {
  std::size_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.bytes;
  return sum;
}

unsigned poll_mask(const Operation& operation) {
  return static_cast<unsigned>(operation.file->poll()) & (operation.sqe.poll32_events | poll_always);
}

bool kills_connection(int error) {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == EHOSTUNREACH;
}

}  // namespace

void Ring::issue(std::list<Operation>::iterator operation) {
  Operation& it = *operation;
  if (int error = prepare(it); error != 0) return finish(it, error);
  bool is_at_once = it.call == Call::op_nop || it.call == Call::op_message || it.call == Call::op_shutdown ||
                    it.call == Call::op_close;
  if (is_at_once) {
    auto fault = world_.event(it.call, Stage::completion);
    int result = fault && it.call != Call::op_close ? -fault->error : perform_at_once(it);
    return finish(it, fault && result >= 0 ? -fault->error : result);
  }
  bool polls_first =
      (it.sqe.ioprio & IORING_RECVSEND_POLL_FIRST) != 0 && (it.call == Call::op_receive || it.call == Call::op_send);
  if (!polls_first) advance(it);
  it.is_armed = true;
  if (it.is_over) return;
  bool is_network = it.call == Call::op_receive || it.call == Call::op_send;
  if (is_network && !it.is_decided && (it.sqe.msg_flags & MSG_DONTWAIT) != 0) return finish(it, -EAGAIN);
  auto fault = world_.event(it.call, Stage::issue, {.selects_buffer = it.selects_buffer()});
  if (fault) fail(it, fault->error);
}

void Ring::advance(Operation& operation) {
  // As MULTISHOT_MAX_RETRY: one operation does not keep the ring from the others.
  constexpr int turns_max = 32;
  for (int turn = 0; turn < turns_max && !operation.is_over; ++turn) {
    if (world_.now() < operation.not_before) return;
    bool outruns_cancel = operation.is_held && is_ready(operation);
    if (operation.is_cancelled && !outruns_cancel) return give_up(operation, -ECANCELED);
    if (!is_ready(operation)) return;
    if (!operation.is_decided && !decide(operation)) return;
    operation.is_decided = false;
    operation.is_held = false;
    perform(operation);
    operation.shot = FaultKind::fail;
    if (operation.call == Call::op_poll) return;
  }
}

// Chooses the fault of the next completion. False when it does not come now.
bool Ring::decide(Operation& operation) {
  operation.is_decided = true;
  auto fault = world_.event(operation.call, Stage::completion, circumstance_of(operation));
  if (!fault) return true;
  switch (fault->kind) {
    case FaultKind::fail:
      fail(operation, fault->error);
      return false;
    case FaultKind::late:
      operation.not_before = world_.now() + std::chrono::milliseconds(1);
      return false;
    case FaultKind::held:
      operation.is_held = true;
      [[fallthrough]];
    case FaultKind::late_past_deadlines:
      operation.not_before = world_.now() + std::chrono::hours(1);
      return false;
    default:
      operation.shot = fault->kind;
      return true;
  }
}

void Ring::fail(Operation& operation, int error) {
  bool is_transfer = operation.call == Call::op_receive || operation.call == Call::op_send;
  if (is_transfer && kills_connection(error)) operation.socket()->die(0);
  give_up(operation, -error);
}

// What has been moved is reported rather than the error that ends the operation.
void Ring::give_up(Operation& operation, int result, unsigned flags) {
  finish(operation, operation.done != 0 ? static_cast<int>(operation.done) : result, flags);
}

bool Ring::is_ready(const Operation& operation) const {
  bool is_first = !operation.is_armed;
  switch (operation.call) {
    case Call::op_accept:
      // accept(2) takes its descriptor first, so a full table shows before a connection does.
      return operation.socket()->can_accept() || (is_first && world_.descriptors().is_full());
    case Call::op_connect:
      return operation.socket()->can_connect(operation.address);
    case Call::op_receive:
      return operation.socket()->can_read() ||
             (is_first && operation.selects_buffer() && pick_buffer(operation) == nullptr);
    case Call::op_send:
      return can_write(*operation.file) || (is_first && operation.socket()->has_room());
    case Call::op_write:
      return can_write(*operation.file);
    case Call::op_read:
      return can_read(*operation.file);
    case Call::op_poll: {
      bool has_news = !operation.is_multishot || is_first || operation.file->wakes() != operation.wakes;
      return has_news && poll_mask(operation) != 0;
    }
    case Call::op_timeout:
      return world_.now() >= operation.due;
    default:
      return true;
  }
}

Circumstance Ring::circumstance_of(const Operation& operation) const {
  Circumstance circumstance{
      .is_multishot = operation.is_multishot, .selects_buffer = operation.selects_buffer(), .can_wait = true};
  if (operation.call == Call::op_receive) {
    std::size_t room = operation.sqe.len - operation.done;
    if (operation.selects_buffer()) {
      const io_uring_buf* buffer = pick_buffer(operation);
      room = buffer == nullptr ? 0 : buffer->len;
    }
    circumstance.bytes = std::min(operation.socket()->readable(), room);
  }
  // Of a send any part may go, also when the buffer of the socket has room for all of it.
  if (operation.call == Call::op_send) circumstance.bytes = bytes_of(operation.pieces) - operation.done;
  return circumstance;
}

void Ring::perform(Operation& operation) {
  switch (operation.call) {
    case Call::op_accept:
      return perform_accept(operation);
    case Call::op_connect:
      return finish(operation, operation.socket()->connect(operation.address));
    case Call::op_receive:
      return perform_receive(operation);
    case Call::op_send:
    case Call::op_write:
      return perform_send(operation);
    case Call::op_poll:
      return perform_poll(operation);
    case Call::op_read:
      return perform_read(operation);
    case Call::op_timeout:
      return finish(operation, -ETIME);
    default:
      return finish(operation, 0);
  }
}

void Ring::perform_accept(Operation& operation) {
  Socket& listener = *operation.socket();
  if (listener.state() != Socket::State::listening) return finish(operation, -EINVAL);
  if (world_.descriptors().is_full()) return finish(operation, -EMFILE);
  std::shared_ptr<Socket> accepted = listener.take_accepted();
  accepted->is_nonblocking = (operation.sqe.accept_flags & SOCK_NONBLOCK) != 0;
  if (operation.sqe.addr != 0) {
    auto size = read_user<socklen_t>(operation.sqe.addr2);
    const Address& remote = accepted->remote();
    check_memory(operation, operation.sqe.addr, size, false);
    write_user(operation.sqe.addr, remote.data(), std::min(size, remote.size()));
    size = remote.size();
    write_user(operation.sqe.addr2, &size, sizeof size);
  }
  bool more_wait = listener.can_accept();
  int fd = world_.descriptors().add(std::move(accepted));
  shoot(operation, fd, more_wait ? IORING_CQE_F_SOCK_NONEMPTY : 0);
}

void Ring::perform_receive(Operation& operation) {
  Socket& socket = *operation.socket();
  bool is_provided = operation.selects_buffer();
  std::uint64_t address = operation.sqe.addr + operation.done;
  std::size_t room = operation.sqe.len - operation.done;
  unsigned flags = 0;
  if (is_provided) {
    const io_uring_buf* buffer = pick_buffer(operation);
    if (buffer == nullptr) return finish(operation, -ENOBUFS);
    address = buffer->addr;
    room = operation.sqe.len != 0 ? std::min<std::size_t>(operation.sqe.len, buffer->len) : buffer->len;
    flags = IORING_CQE_F_BUFFER | (static_cast<unsigned>(buffer->bid) << IORING_CQE_BUFFER_SHIFT);
  }
  std::string bytes;
  long count = socket.read(limit_of(operation, std::min(room, std::max<std::size_t>(socket.readable(), 1))), bytes);
  unsigned nonempty = socket.inquiry() != 0 ? IORING_CQE_F_SOCK_NONEMPTY : 0;
  if (count <= 0) return give_up(operation, static_cast<int>(count), nonempty);
  check_memory(operation, address, bytes.size(), is_provided);
  write_user(address, bytes.data(), bytes.size());
  if (is_provided) ++buffers_.at(operation.sqe.buf_group).head;
  operation.done += bytes.size();
  bool waits_for_all = (operation.sqe.msg_flags & MSG_WAITALL) != 0 && operation.shot == FaultKind::fail;
  if (!is_provided && waits_for_all && operation.done < operation.sqe.len) return;
  int result = static_cast<int>(operation.done);
  operation.done = 0;
  shoot(operation, result, flags | nonempty);
}

void Ring::perform_send(Operation& operation) {
  std::size_t rest = bytes_of(operation.pieces) - operation.done;
  if (rest == 0) return give_up(operation, 0);
  long room = write_room(*operation.file);
  if (room < 0) return give_up(operation, static_cast<int>(room));
  std::size_t count = limit_of(operation, std::min(rest, static_cast<std::size_t>(room)));
  std::string bytes;
  std::size_t skip = operation.done;
  for (const Piece& piece : operation.pieces) {
    if (bytes.size() == count) break;
    if (skip >= piece.bytes) {
      skip -= piece.bytes;
      continue;
    }
    std::size_t part = std::min(piece.bytes - skip, count - bytes.size());
    std::uint64_t address = piece.address + skip;
    check_memory(operation, address, part, false);
    bytes += read_user(address, part);
    skip = 0;
  }
  write_file(*operation.file, bytes);
  operation.done += count;
  bool waits_for_all = operation.call == Call::op_send && (operation.sqe.msg_flags & MSG_WAITALL) != 0 &&
                       operation.shot == FaultKind::fail;
  if (waits_for_all && count < rest) {
    operation.is_armed = true;
    return;
  }
  finish(operation, static_cast<int>(operation.done));
}

void Ring::perform_poll(Operation& operation) {
  operation.wakes = operation.file->wakes();
  shoot(operation, static_cast<int>(poll_mask(operation)), 0);
}

void Ring::perform_read(Operation& operation) {
  std::string bytes;
  long count = read_file(*operation.file, operation.sqe.len, bytes);
  if (count > 0) {
    check_memory(operation, operation.sqe.addr, bytes.size(), false);
    write_user(operation.sqe.addr, bytes.data(), bytes.size());
  }
  finish(operation, static_cast<int>(count));
}

int Ring::perform_at_once(Operation& operation) {
  switch (operation.call) {
    case Call::op_message:
      return send_message(operation);
    case Call::op_shutdown:
      return operation.socket()->shutdown(static_cast<int>(operation.sqe.len));
    case Call::op_close:
      return world_.close_descriptor(operation.sqe.fd);
    default:
      return 0;
  }
}

int Ring::send_message(const Operation& operation) {
  auto* target = dynamic_cast<Ring*>(operation.file.get());
  if (target == nullptr) return -EBADFD;
  if (operation.sqe.addr != IORING_MSG_DATA) return -EINVAL;
  bool passes_flags = (operation.sqe.msg_ring_flags & IORING_MSG_RING_FLAGS_PASS) != 0;
  target->post(operation.sqe.off, static_cast<int>(operation.sqe.len), passes_flags ? operation.sqe.file_index : 0);
  return 0;
}

// One completion of a multishot operation, or the only one of another.
void Ring::shoot(Operation& operation, int result, unsigned flags) {
  operation.is_armed = true;
  bool goes_on = operation.is_multishot && operation.shot != FaultKind::last_shot;
  if (goes_on && post(operation.sqe.user_data, result, flags | IORING_CQE_F_MORE, false)) return;
  finish(operation, result, flags);
}

void Ring::finish(Operation& operation, int result, unsigned flags) {
  operation.is_over = true;
  if (operation.file != nullptr) --operation.file->operations;
  if (result >= 0 && (operation.sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0) return;
  post(operation.sqe.user_data, result, flags);
}

io_uring_buf* Ring::pick_buffer(const Operation& operation) const {
  auto found = buffers_.find(operation.sqe.buf_group);
  if (found == buffers_.end()) return nullptr;
  const Buffers& buffers = found->second;
  if (buffers.ring->tail == buffers.head) return nullptr;
  return &buffers.ring->bufs[buffers.head & (buffers.entries - 1)];
}

std::size_t Ring::limit_of(const Operation& operation, std::size_t bytes) const {
  if (operation.shot == FaultKind::short_one) return std::min<std::size_t>(bytes, 1);
  if (operation.shot == FaultKind::short_half) return std::max<std::size_t>(bytes / 2, 1);
  return bytes;
}

void Ring::check_memory(const Operation& operation, std::uint64_t address, std::size_t bytes, bool is_provided) {
  bool is_dead = is_provided ? is_freed(address, bytes) : is_poisoned(address, bytes);
  if (!is_dead) return;
  world_.fail("the kernel used freed memory in " + std::string(to_string(operation.call)) + " on descriptor " +
              std::to_string(operation.sqe.fd));
}

}  // namespace sluice::fault
