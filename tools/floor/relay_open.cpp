// Opening and closing of the relay: everything that happens once.

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "relay.hpp"

namespace sluice::floor {

namespace {

constexpr unsigned submission_entries = 256;
constexpr unsigned completion_entries = 4096;
constexpr unsigned descriptors_spare = 16;
constexpr unsigned receive_window_buffers_max = 32;

// Two descriptors for each pair, as far as the hard limit lets us. Returns the number of pairs that fit.
unsigned make_room_for_pairs(unsigned wanted) noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t needed = rlim_t{wanted} * 2 + descriptors_spare;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min(needed, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  }
  if (limit.rlim_cur >= needed) return wanted;
  return limit.rlim_cur <= descriptors_spare ? 0 : static_cast<unsigned>((limit.rlim_cur - descriptors_spare) / 2);
}

}  // namespace

const char* Relay::open() noexcept {
  options_.pairs_max = make_room_for_pairs(options_.pairs_max);
  if (options_.pairs_max == 0) {
    errno = EMFILE;
    return "descriptor limit";
  }
  if (const char* step = open_ring(); step != nullptr) return step;
  if (const char* step = open_listener(); step != nullptr) return step;
  if (const char* step = open_signals(); step != nullptr) return step;

  pairs_ = std::make_unique<Pair[]>(options_.pairs_max);
  slots_.resize(options_.buffer_count + 2 * std::size_t{options_.pairs_max});
  std::uint32_t own_buffer = options_.buffer_count;
  for (unsigned index = 0; index < options_.pairs_max; ++index) {
    for (Flow& flow : pairs_[index].flows) flow.own_buffer = own_buffer++;
    free_.push_back(pairs_[index]);
  }
  // A few slow readers must not hold all buffers of the ring.
  flow_buffers_max_ = std::clamp(options_.buffer_count / 8, 1U, receive_window_buffers_max);
  return nullptr;
}

const char* Relay::open_ring() noexcept {
  io_uring_params parameters{};
  parameters.flags =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  parameters.cq_entries = completion_entries;
  int result = io_uring_queue_init_params(submission_entries, &ring_, &parameters);
  if (result < 0) {
    errno = -result;
    return "io_uring_setup (needs Linux 6.1 and kernel.io_uring_disabled=0)";
  }
  ring_open_ = true;
  (void)io_uring_register_ring_fd(&ring_);  // saves a descriptor lookup for each turn; without it all works
  result = buffers_.open(ring_, options_.buffer_count, 2 * options_.pairs_max, options_.buffer_bytes);
  if (result < 0) {
    errno = -result;
    return "receive buffers";
  }
  buffers_open_ = true;
  return nullptr;
}

const char* Relay::open_listener() noexcept {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return "socket";
  const int on = 1;
  if (setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return "SO_REUSEADDR";
  if (setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return "TCP_NODELAY";
  auto* address = reinterpret_cast<sockaddr*>(&options_.listen);
  socklen_t length = sizeof options_.listen;
  if (bind(listener_, address, length) != 0) return "bind";
  if (listen(listener_, SOMAXCONN) != 0) return "listen";
  if (getsockname(listener_, address, &length) != 0) return "getsockname";
  return nullptr;
}

const char* Relay::open_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    errno = error;
    return "pthread_sigmask";
  }
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  return signals_ < 0 ? "signalfd" : nullptr;
}

Relay::~Relay() {
  if (buffers_open_) buffers_.close(ring_);
  if (ring_open_) io_uring_queue_exit(&ring_);
  if (listener_ >= 0) close(listener_);
  if (signals_ >= 0) close(signals_);
  while (free_.pop_front() != nullptr) {
  }
}

const char* to_string(Receive state) noexcept {
  switch (state) {
    case Receive::off:
      return "off";
    case Receive::armed:
      return "armed";
    case Receive::stopping:
      return "stopping";
    case Receive::starved:
      return "starved";
    case Receive::alone:
      return "alone";
    case Receive::ended:
      return "ended";
  }
  return "?";
}

const char* to_string(Send state) noexcept {
  switch (state) {
    case Send::idle:
      return "idle";
    case Send::tried:
      return "tried";
    case Send::waiting:
      return "waiting";
    case Send::finished:
      return "finished";
  }
  return "?";
}

const char* to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::free:
      return "free";
    case Phase::connecting:
      return "connecting";
    case Phase::relaying:
      return "relaying";
    case Phase::closing:
      return "closing";
  }
  return "?";
}

}  // namespace sluice::floor
