#include "net/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <chrono>

#include "base/assert.hpp"
#include "runtime/kernel.hpp"

namespace sluice::net {

namespace kernel = runtime::kernel;

namespace {

// How long accepting rests when descriptors or memory have run out; new connections wait in the backlog meanwhile.
constexpr Duration pause = std::chrono::milliseconds(50);

Result<int> fail_and_close(int fd, int result) {
  kernel::close(fd);
  return std::unexpected(error_from_errno(-result));
}

bool is_unix(int fd) {
  int domain = 0;
  return kernel::get_option(fd, SOL_SOCKET, SO_DOMAIN, domain) == 0 && domain == AF_UNIX;
}

}  // namespace

Result<int> Listener::open_socket(const Address& address, int backlog, std::string_view congestion_control) {
  Result<int> fd = bind_socket(address, congestion_control);
  if (!fd) return fd;
  if (int result = kernel::listen(*fd, backlog); result < 0) return fail_and_close(*fd, result);
  return fd;
}

Result<int> Listener::bind_socket(const Address& address, std::string_view congestion_control) {
  int fd = kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return std::unexpected(error_from_errno(-fd));
  struct Option {
    int level, name;
  };
  // Accepted sockets inherit TCP_NODELAY, which saves a system call for each of them.
  for (Option option :
       {Option{SOL_SOCKET, SO_REUSEADDR}, Option{SOL_SOCKET, SO_REUSEPORT}, Option{IPPROTO_TCP, TCP_NODELAY}}) {
    if (int result = kernel::set_option(fd, option.level, option.name, 1); result < 0)
      return fail_and_close(fd, result);
  }
  if (address.family() == AF_INET6) {
    if (int result = kernel::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); result < 0)
      return fail_and_close(fd, result);
  }
  if (Result<void> set = net::set_congestion_control(fd, congestion_control, address); !set) {
    kernel::close(fd);
    return std::unexpected(set.error());
  }
  if (int result = kernel::bind(fd, address.data(), address.size()); result < 0) return fail_and_close(fd, result);
  return fd;
}

Result<void> Listener::check_free(const Address& address) {
  int fd = kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return std::unexpected(error_from_errno(-fd));
  int result = kernel::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && address.family() == AF_INET6) result = kernel::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (result == 0) result = kernel::bind(fd, address.data(), address.size());
  if (result == 0) result = kernel::listen(fd, 1);
  kernel::close(fd);
  if (result < 0) return std::unexpected(error_from_errno(-result));
  return {};
}

Listener::Listener(runtime::Loop& loop, int fd, Acceptor& acceptor)
    : loop_(loop), fd_(fd), acceptor_(acceptor), is_shared_(is_unix(fd)) {}

Listener::~Listener() { SLUICE_ASSERT(fd_ < 0); }

void Listener::start() { arm(); }

// listen(2) on a socket that listens already changes the backlog alone, and has nothing to fail for.
void Listener::set_backlog(int backlog) { (void)kernel::listen(fd_, backlog); }

// Where the kernel, asked before, refuses after all, connections go on as they did.
void Listener::set_congestion_control(std::string_view name) { (void)kernel::set_congestion_control(fd_, name); }

void Listener::arm() {
  io_uring_sqe* sqe = loop_.next_sqe();
  if (sqe == nullptr) {
    loop_.wheel().arm(*this, loop_.now() + pause);
    return;
  }
  constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (is_shared_) {
    io_uring_prep_accept(sqe, fd_, nullptr, nullptr, flags);
  } else {
    io_uring_prep_multishot_accept(sqe, fd_, nullptr, nullptr, flags);
  }
  loop_.start(*this, sqe);
}

void Listener::on_completion(int result, unsigned /*flags*/) {
  if (result >= 0) {
    acceptor_.on_connection(result);
  } else if (!in_flight() && !closing_ && result != -ECONNABORTED && result != -EINTR && result != -ECANCELED) {
    // Out of descriptors (EMFILE, ENFILE) or of memory; anything else that is wrong with the socket is not cured by
    // haste.
    acceptor_.on_pause();
    loop_.wheel().arm(*this, loop_.now() + pause);
    return;
  }
  if (!in_flight()) on_ended();
}

void Listener::on_joined() { on_ended(); }

void Listener::on_ended() {
  if (!runtime::Joined::wake(joiner_) && !closing_ && !is_armed()) arm();
}

void Listener::on_deadline() { arm(); }

runtime::Task<void> Listener::close() {
  closing_ = true;
  if (is_armed()) loop_.wheel().disarm(*this);
  loop_.cancel(*this);
  co_await runtime::Joined(*this, joiner_);
  // Connections that the kernel has completed for this socket would be reset by closing it.
  for (int left = drain_accepts_max; left > 0; --left) {
    int fd = kernel::accept(fd_);
    if (fd == -ECONNABORTED || fd == -EINTR) continue;  // that one is gone, or none was taken: there may be more
    if (fd < 0) break;
    acceptor_.on_connection(fd);
  }
  kernel::close(std::exchange(fd_, -1));
}

}  // namespace sluice::net
