#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "pipes.hpp"
#include "ring.hpp"
#include "sockets.hpp"
#include "user_memory.hpp"
#include "world.hpp"

// From a submission queue entry to an operation: what Linux does in the prep functions of io_uring.
namespace sluice::fault {

namespace {

std::vector<Piece> pieces_of_message(const io_uring_sqe& sqe) {
  auto message = read_user<msghdr>(sqe.addr);
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    auto piece = read_user<iovec>(reinterpret_cast<std::uint64_t>(message.msg_iov + i));
    pieces.push_back({reinterpret_cast<std::uint64_t>(piece.iov_base), piece.iov_len});
  }
  return pieces;
}

Address address_of(const io_uring_sqe& sqe) {
  sockaddr_storage storage{};
  auto size = static_cast<socklen_t>(std::min<std::uint64_t>(sqe.off, sizeof storage));
  read_user(&storage, sqe.addr, size);
  return Address::from(reinterpret_cast<const sockaddr*>(&storage), size);
}

}  // namespace

Socket* Operation::socket() const { return dynamic_cast<Socket*>(file.get()); }

// Fills in the operation from its SQE; 0 or the -errno with which it completes at once.
int Ring::prepare(Operation& operation) {
  const io_uring_sqe& sqe = operation.sqe;
  switch (sqe.opcode) {
    case IORING_OP_NOP:
      operation.call = Call::op_nop;
      return 0;
    case IORING_OP_TIMEOUT: {
      operation.call = Call::op_timeout;
      if (sqe.off != 0 || (sqe.timeout_flags & ~static_cast<unsigned>(IORING_TIMEOUT_ABS)) != 0) return -EINVAL;
      auto time = read_user<__kernel_timespec>(sqe.addr);
      Duration span(time.tv_sec * 1'000'000'000 + time.tv_nsec);
      bool is_absolute = (sqe.timeout_flags & IORING_TIMEOUT_ABS) != 0;
      operation.due = is_absolute ? Instant::from_ns(span.count()) : world_.now() + span;
      return 0;
    }
    case IORING_OP_ACCEPT:
      operation.call = Call::op_accept;
      operation.is_multishot = (sqe.ioprio & IORING_ACCEPT_MULTISHOT) != 0;
      break;
    case IORING_OP_CONNECT:
      operation.call = Call::op_connect;
      operation.address = address_of(sqe);
      break;
    case IORING_OP_RECV:
      operation.call = Call::op_receive;
      operation.is_multishot = (sqe.ioprio & IORING_RECV_MULTISHOT) != 0;
      if (operation.is_multishot && (!operation.selects_buffer() || (sqe.msg_flags & MSG_WAITALL) != 0)) return -EINVAL;
      break;
    case IORING_OP_SEND:
    case IORING_OP_WRITE:
      operation.call = sqe.opcode == IORING_OP_SEND ? Call::op_send : Call::op_write;
      operation.pieces.push_back({sqe.addr, sqe.len});
      break;
    case IORING_OP_SENDMSG:
      operation.call = Call::op_send;
      operation.pieces = pieces_of_message(sqe);
      break;
    case IORING_OP_POLL_ADD:
      operation.call = Call::op_poll;
      operation.is_multishot = (sqe.len & IORING_POLL_ADD_MULTI) != 0;
      break;
    case IORING_OP_READ:
      operation.call = Call::op_read;
      break;
    case IORING_OP_MSG_RING:
      operation.call = Call::op_message;
      break;
    case IORING_OP_SHUTDOWN:
      operation.call = Call::op_shutdown;
      break;
    case IORING_OP_CLOSE:
      operation.call = Call::op_close;
      return 0;
    default:
      return -EINVAL;
  }
  operation.file = world_.file(sqe.fd, to_string(operation.call));
  if (operation.file == nullptr) return -EBADF;
  ++operation.file->operations;
  bool needs_socket = operation.call == Call::op_accept || operation.call == Call::op_connect ||
                      operation.call == Call::op_receive || operation.call == Call::op_send ||
                      operation.call == Call::op_shutdown;
  if (needs_socket && operation.socket() == nullptr) return -ENOTSOCK;
  bool is_counter = dynamic_cast<EventCounter*>(operation.file.get()) != nullptr;
  bool moves_bytes = operation.call == Call::op_read || operation.call == Call::op_write;
  return is_counter && moves_bytes && sqe.len < sizeof(std::uint64_t) ? -EINVAL : 0;
}

}  // namespace sluice::fault
