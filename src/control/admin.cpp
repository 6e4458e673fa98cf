#include "control/admin.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "control/admin_connection.hpp"
#include "runtime/kernel.hpp"

namespace sluice::control {
namespace {

constexpr int accepts_at_once_max = 64;
// How long accepting rests when descriptors have run out: the listening socket stays readable meanwhile.
constexpr Duration accept_pause = std::chrono::milliseconds(200);
constexpr std::string_view crowded =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";

bool watch(int epoll, int fd, int operation, std::uint32_t events, void* tag) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = tag;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

std::expected<std::unique_ptr<Admin>, std::string> Admin::open(const proxy::AdminSettings& settings, Pages& pages) {
  auto socket = AdminSocket::open(settings);
  if (!socket) return std::unexpected(socket.error());
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (epoll < 0 || timer < 0 || !watch(epoll, timer, EPOLL_CTL_ADD, EPOLLIN, nullptr) ||
      !watch(epoll, socket->fd(), EPOLL_CTL_ADD, EPOLLIN, nullptr)) {
    const int error = errno;
    if (epoll >= 0) ::close(epoll);
    if (timer >= 0) ::close(timer);
    return std::unexpected(fmt::format("cannot open the admin socket {}: {}", settings.socket, std::strerror(error)));
  }
  return std::unique_ptr<Admin>(new Admin(std::move(*socket), pages, epoll, timer));
}

Admin::Admin(AdminSocket socket, Pages& pages, int epoll, int timer)
    : socket_(std::move(socket)), pages_(pages), epoll_(epoll), timer_(timer) {}

Admin::~Admin() {
  connections_.clear();
  ::close(timer_);
  ::close(epoll_);
}

void Admin::handle() {
  const Instant now = runtime::kernel::now();
  take_events();
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    if (connection->has_hung_up || !connection->advance(pages_, now)) {
      connection = connections_.erase(connection);
      continue;
    }
    if (const std::uint32_t events = connection->events(); events != connection->known_events) {
      (void)watch(epoll_, connection->fd(), EPOLL_CTL_MOD, events, &*connection);
      connection->known_events = events;
    }
    ++connection;
  }
  // Behind the others, so that one whose request has come is not taken for an idle one.
  if (now >= accept_again_) watch_listener(true);
  accept_all(now);
  arm_timer();
}

// Of what epoll says only the end of a client is not found out by trying.
void Admin::take_events() {
  std::array<epoll_event, connections_max + 2> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr || (event.events & (EPOLLHUP | EPOLLERR)) == 0) continue;
    static_cast<Connection*>(event.data.ptr)->has_hung_up = true;
  }
  std::uint64_t expirations = 0;
  (void)!::read(timer_, &expirations, sizeof expirations);
}

void Admin::accept_all(Instant now) {
  for (int i = 0; i < accepts_at_once_max; ++i) {
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      add(fd, now);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      watch_listener(false);
      accept_again_ = now + accept_pause;
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Admin::add(int fd, Instant now) {
  if (connections_.size() >= connections_max) {
    auto idle = std::ranges::find_if(connections_, &Connection::is_idle);
    if (idle == connections_.end()) {
      (void)!::send(fd, crowded.data(), crowded.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      ::close(fd);
      return;
    }
    connections_.erase(idle);
  }
  Connection& connection = connections_.emplace_back(fd, now);
  connection.known_events = connection.events();
  if (!watch(epoll_, fd, EPOLL_CTL_ADD, connection.known_events, &connection)) connections_.pop_back();
}

void Admin::watch_listener(bool on) {
  (void)watch(epoll_, socket_.fd(), EPOLL_CTL_MOD, on ? EPOLLIN : 0, nullptr);
  if (on) accept_again_ = Instant::never();
}

void Admin::arm_timer() const {
  Instant first = accept_again_;
  for (const Connection& connection : connections_) first = std::min(first, connection.wake_at());
  itimerspec when{};
  if (!first.is_never()) {
    constexpr std::int64_t ns_per_second = 1'000'000'000;
    when.it_value.tv_sec = first.ns() / ns_per_second;
    when.it_value.tv_nsec = first.ns() % ns_per_second;
  }
  (void)::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace sluice::control
