#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>

#include "runtime/kernel.hpp"

namespace sluice::runtime::kernel {

namespace {

template <class T>
T or_errno(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

std::int64_t read_clock_ns(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int ring_open(io_uring& ring, const RingOptions& options) noexcept {
  io_uring_params params{};
  params.flags =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  params.cq_entries = options.completion_entries;
  int result = ::io_uring_queue_init_params(options.submission_entries, &ring, &params);
  if (result < 0) return result;
  // Saves an fget for each io_uring_enter; a kernel that refuses costs nothing but that.
  (void)::io_uring_register_ring_fd(&ring);
  return 0;
}

void ring_close(io_uring& ring) noexcept { ::io_uring_queue_exit(&ring); }

int ring_enter(io_uring& ring, unsigned wait_count, Duration timeout, Duration min_wait) noexcept {
  if (wait_count == 0) return ::io_uring_submit_and_get_events(&ring);
  const bool is_batching = min_wait.count() != 0;
  if (timeout.count() < 0 && !is_batching) return ::io_uring_submit_and_wait(&ring, wait_count);
  // liburing forgets about min_wait where there is no timeout.
  constexpr Duration long_enough = std::chrono::hours(1);
  if (timeout.count() < 0) timeout = long_enough;
  __kernel_timespec limit{};
  limit.tv_sec = timeout.count() / 1'000'000'000;
  limit.tv_nsec = timeout.count() % 1'000'000'000;
  io_uring_cqe* first = nullptr;
  if (!is_batching) return ::io_uring_submit_and_wait_timeout(&ring, &first, wait_count, &limit, nullptr);
  return ::io_uring_submit_and_wait_min_timeout(&ring, &first, wait_count, &limit,
                                                static_cast<unsigned>(min_wait.count() / 1000), nullptr);
}

int buffer_ring_open(io_uring& ring, unsigned entries, int group, io_uring_buf_ring*& out) noexcept {
  int error = 0;
  out = ::io_uring_setup_buf_ring(&ring, entries, group, 0, &error);
  return out == nullptr ? error : 0;
}

void buffer_ring_close(io_uring& ring, unsigned entries, int group, io_uring_buf_ring* buffers) noexcept {
  (void)::io_uring_free_buf_ring(&ring, buffers, entries, group);
}

Instant now() noexcept { return Instant::from_ns(read_clock_ns(CLOCK_MONOTONIC)); }

std::int64_t wall_clock_ms() noexcept { return read_clock_ns(CLOCK_REALTIME) / 1'000'000; }

std::uint64_t random_seed() noexcept {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) == sizeof seed) return seed;
  return static_cast<std::uint64_t>(read_clock_ns(CLOCK_REALTIME));
}

int socket(int domain, int type) noexcept { return or_errno(::socket(domain, type, 0)); }

int bind(int fd, const sockaddr* address, socklen_t size) noexcept { return or_errno(::bind(fd, address, size)); }

int listen(int fd, int backlog) noexcept { return or_errno(::listen(fd, backlog)); }

int accept(int fd) noexcept { return or_errno(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); }

int set_option(int fd, int level, int name, int value) noexcept {
  return or_errno(::setsockopt(fd, level, name, &value, sizeof value));
}

int reset_on_close(int fd) noexcept {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  return or_errno(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort));
}

int get_option(int fd, int level, int name, int& value) noexcept {
  socklen_t size = sizeof value;
  return or_errno(::getsockopt(fd, level, name, &value, &size));
}

std::string_view congestion_control(int fd, std::span<char, congestion_control_bytes> memory) noexcept {
  auto size = static_cast<socklen_t>(memory.size());
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, memory.data(), &size) < 0) return {};
  const std::string_view name(memory.data(), size);
  return name.substr(0, name.find('\0'));
}

int set_congestion_control(int fd, std::string_view name) noexcept {
  return or_errno(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())));
}

int local_address(int fd, sockaddr* address, socklen_t& size) noexcept {
  return or_errno(::getsockname(fd, address, &size));
}

int peer_address(int fd, sockaddr* address, socklen_t& size) noexcept {
  return or_errno(::getpeername(fd, address, &size));
}

int shutdown(int fd, int how) noexcept { return or_errno(::shutdown(fd, how)); }

long send(int fd, const void* bytes, std::size_t size, int flags) noexcept {
  return or_errno(::send(fd, bytes, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

int pipe(int (&ends)[2]) noexcept { return or_errno(::pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

int set_pipe_size(int fd, int bytes) noexcept { return or_errno(::fcntl(fd, F_SETPIPE_SZ, bytes)); }

int pipe_size(int fd) noexcept { return or_errno(::fcntl(fd, F_GETPIPE_SZ)); }

long splice(int from, int to, std::size_t bytes) noexcept {
  return or_errno(::splice(from, nullptr, to, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

int event_open() noexcept { return or_errno(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int event_signal(int fd) noexcept {
  const std::uint64_t one = 1;
  return ::write(fd, &one, sizeof one) == sizeof one ? 0 : -errno;
}

void close(int fd) noexcept { ::close(fd); }

}  // namespace sluice::runtime::kernel
