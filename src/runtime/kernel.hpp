#pragma once

#include <liburing.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"

// The kernel as the data plane sees it: every system call that a shard makes goes through one of these functions. Two
// programs link two definitions: kernel_linux.cpp calls Linux, tests/fault/ simulates it in memory and injects faults.
// SQEs and CQEs are read and written through liburing's inline functions on the memory that ring_open set up.
//
// Every function returns a result >= 0, or -errno. None blocks but ring_enter.
namespace sluice::runtime::kernel {

struct RingOptions {
  unsigned submission_entries = 0;
  unsigned completion_entries = 0;
};

// SINGLE_ISSUER, DEFER_TASKRUN, SUBMIT_ALL, CQSIZE; the calling thread becomes the ring's issuer.
[[nodiscard]] int ring_open(io_uring& ring, const RingOptions& options) noexcept;
void ring_close(io_uring& ring) noexcept;

// Submits what is queued, waits until `wait_count` completions are there or `timeout` has passed, runs task work.
// timeout: negative for none. min_wait: not zero only where can_batch(): after so long, one completion is enough.
// Returns the number submitted, or -ETIME, -EINTR, -EBUSY, -EAGAIN, -EBADR.
[[nodiscard]] int ring_enter(io_uring& ring, unsigned wait_count, Duration timeout, Duration min_wait) noexcept;
// Whether the kernel can wait for several completions, but only for a while (kernel 6.12).
[[nodiscard]] inline bool can_batch(const io_uring& ring) noexcept {
  return (ring.features & IORING_FEAT_MIN_TIMEOUT) != 0;
}

// A ring of provided buffers (IORING_REGISTER_PBUF_RING, kernel 5.19). entries: a power of two.
[[nodiscard]] int buffer_ring_open(io_uring& ring, unsigned entries, int group, io_uring_buf_ring*& out) noexcept;
void buffer_ring_close(io_uring& ring, unsigned entries, int group, io_uring_buf_ring* buffers) noexcept;

[[nodiscard]] Instant now() noexcept;                 // CLOCK_MONOTONIC
[[nodiscard]] std::int64_t wall_clock_ms() noexcept;  // milliseconds since 1970, CLOCK_REALTIME
[[nodiscard]] std::uint64_t random_seed() noexcept;   // getrandom(2); a fixed sequence when simulated

[[nodiscard]] int socket(int domain, int type) noexcept;  // type with SOCK_CLOEXEC and SOCK_NONBLOCK as given
[[nodiscard]] int bind(int fd, const sockaddr* address, socklen_t size) noexcept;
[[nodiscard]] int listen(int fd, int backlog) noexcept;
[[nodiscard]] int accept(int fd) noexcept;  // accept4(2) with SOCK_CLOEXEC | SOCK_NONBLOCK
[[nodiscard]] int set_option(int fd, int level, int name, int value) noexcept;
[[nodiscard]] int reset_on_close(int fd) noexcept;  // SO_LINGER {1, 0}: close(2) sends RST instead of FIN
[[nodiscard]] int get_option(int fd, int level, int name, int& value) noexcept;
// TCP_CONGESTION. The name is written at `memory`; empty where the socket has none.
inline constexpr std::size_t congestion_control_bytes = 16;
[[nodiscard]] std::string_view congestion_control(int fd, std::span<char, congestion_control_bytes> memory) noexcept;
[[nodiscard]] int set_congestion_control(int fd, std::string_view name) noexcept;
[[nodiscard]] int local_address(int fd, sockaddr* address, socklen_t& size) noexcept;
[[nodiscard]] int peer_address(int fd, sockaddr* address, socklen_t& size) noexcept;
[[nodiscard]] int shutdown(int fd, int how) noexcept;
// send(2) with MSG_DONTWAIT | MSG_NOSIGNAL and `flags`.
[[nodiscard]] long send(int fd, const void* bytes, std::size_t size, int flags) noexcept;
[[nodiscard]] int pipe(int (&ends)[2]) noexcept;                          // pipe2(2) with O_CLOEXEC | O_NONBLOCK
[[nodiscard]] int set_pipe_size(int fd, int bytes) noexcept;              // F_SETPIPE_SZ; returns the size it got
[[nodiscard]] int pipe_size(int fd) noexcept;                             // F_GETPIPE_SZ
[[nodiscard]] long splice(int from, int to, std::size_t bytes) noexcept;  // SPLICE_F_MOVE | SPLICE_F_NONBLOCK
[[nodiscard]] int event_open() noexcept;                                  // eventfd(2), O_CLOEXEC | O_NONBLOCK
[[nodiscard]] int event_signal(int fd) noexcept;                          // adds one; any thread
void close(int fd) noexcept;  // the descriptor is gone whatever close(2) says

}  // namespace sluice::runtime::kernel
