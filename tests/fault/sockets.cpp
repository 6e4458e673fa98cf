#include "sockets.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"

namespace sluice::fault {

int Network::claim(Socket& socket, Address& address) {
  if (address.is_internet() && address.port() == 0) take_any_port(address);
  if (address.has_file() && !files_.insert(address.path()).second) return -EADDRINUSE;
  bool shares = socket.has_option(SOL_SOCKET, SO_REUSEPORT);
  for (const Socket* other : bound_) {
    if (!other->local().covers(address) && !address.covers(other->local())) continue;
    if (!shares || !other->has_option(SOL_SOCKET, SO_REUSEPORT)) return -EADDRINUSE;
  }
  bound_.push_back(&socket);
  return 0;
}

void Network::release(const Socket& socket) { std::erase(bound_, &socket); }

void Network::take_any_port(Address& address) {
  if (address.is_internet()) address.set_port(next_port_++);
}

Socket* Network::listener_at(const Address& address) {
  std::vector<Socket*> group;
  for (Socket* socket : bound_) {
    if (socket->state() == Socket::State::listening && socket->local().covers(address)) group.push_back(socket);
  }
  if (group.empty()) return nullptr;
  ++turn_;
  for (std::size_t i = 0; i < group.size(); ++i) {
    Socket* listener = group[(turn_ + i) % group.size()];
    if (listener->has_accept_room()) return listener;
  }
  return group.front();
}

int Network::refusal_at(const Address& address) const {
  return address.has_file() && !files_.contains(address.path()) ? -ENOENT : -ECONNREFUSED;
}

Socket::~Socket() {
  stop_listening();
  if (is_bound_) network_->release(*this);
  if (state_ != State::connected) return;
  std::shared_ptr<Socket> other = other_.lock();
  if (other == nullptr) return;
  if (is_unix()) {
    other->receive_close(!inbox_.empty());
    return;
  }
  // RFC 9293 §3.6: closing with unread data tells the other end that it was lost.
  if (!inbox_.empty() || resets_on_close_) {
    other->receive_reset();
  } else if (!write_shut_) {
    other->receive_fin();
  }
  other->wake();  // whoever waited for room here may write into the void
}

int Socket::bind(Address address) {
  if (state_ != State::fresh || is_bound_) return -EINVAL;
  if (address.family() != family_) return -EAFNOSUPPORT;
  if (int error = network_->claim(*this, address); error != 0) return error;
  local_ = address;
  is_bound_ = true;
  return 0;
}

int Socket::listen(int backlog) {
  if (state_ != State::fresh && state_ != State::listening) return -EINVAL;
  if (!is_bound_) return -EINVAL;  // Linux would take any port; nobody here wants that
  state_ = State::listening;
  backlog_ = static_cast<std::size_t>(std::max(backlog, 0)) + 1;
  return 0;
}

bool Socket::can_connect(const Address& address) const {
  if (state_ == State::connected || state_ == State::listening) return true;
  if (is_unix()) return true;  // whatever it says, it says at once
  const Socket* listener = network_->listener_at(address);
  return listener == nullptr || listener->has_accept_room();
}

int Socket::connect(const Address& address) {
  if (state_ == State::connected) return -EISCONN;
  if (state_ == State::listening) return -EISCONN;
  if (address.family() != family_) return -EAFNOSUPPORT;
  Socket* listener = network_->listener_at(address);
  if (listener == nullptr) return network_->refusal_at(address);
  if (!listener->has_accept_room()) return -EAGAIN;

  if (!is_bound_) {
    local_ = is_unix() ? Address::unix_socket("") : Address::from(address.data(), address.size());
    network_->take_any_port(local_);
  }
  remote_ = address;
  state_ = State::connected;
  inbox_.clear();
  read_shut_ = write_shut_ = fin_received_ = reset_received_ = false;

  auto accepted = std::make_shared<Socket>(network_, family_);
  accepted->local_ = address;
  accepted->remote_ = local_;
  accepted->state_ = State::connected;
  accepted->other_ = weak_from_this();
  other_ = accepted;
  listener->queue_.push_back(std::move(accepted));
  listener->wake();
  wake();
  return 0;
}

std::shared_ptr<Socket> Socket::take_accepted() {
  if (queue_.empty()) return nullptr;
  std::shared_ptr<Socket> socket = std::move(queue_.front());
  queue_.pop_front();
  return socket;
}

// The order of tcp_recvmsg: what came, the end, an error, our own shutdown, no connection; of unix_stream_recvmsg: the
// error before the end.
long Socket::read(std::size_t bytes_max, std::string& out) {
  if (state_ == State::fresh || state_ == State::listening) return -ENOTCONN;
  if (!inbox_.empty()) {
    std::size_t bytes = std::min(bytes_max, inbox_.size());
    out.assign(inbox_, 0, bytes);
    inbox_.erase(0, bytes);
    if (auto other = other_.lock()) other->wake();
    return static_cast<long>(bytes);
  }
  if (is_unix() && error_ != 0) return -take_error();
  if (fin_received_) return 0;
  if (error_ != 0) return -take_error();
  if (read_shut_) return 0;
  return state_ == State::closed ? -ENOTCONN : -EAGAIN;
}

bool Socket::can_read() const {
  return state_ != State::connected || !inbox_.empty() || fin_received_ || error_ != 0 || read_shut_;
}

std::size_t Socket::room() const {
  std::shared_ptr<Socket> other = other_.lock();
  if (other == nullptr) return network_->socket_bytes();
  std::size_t used = other->inbox_.size();
  return used >= network_->socket_bytes() ? 0 : network_->socket_bytes() - used;
}

// The order of tcp_sendmsg; unix_stream_sendmsg looks for the end first.
long Socket::write_room() {
  if (is_unix() && write_shut_) return -EPIPE;
  if (state_ == State::fresh || state_ == State::listening) return -EPIPE;
  if (error_ != 0) return -take_error();
  if (write_shut_ || state_ == State::closed) return -EPIPE;
  std::size_t free = room();
  return free == 0 ? -EAGAIN : static_cast<long>(free);
}

bool Socket::can_write() const {
  if (state_ != State::connected || error_ != 0 || write_shut_) return true;
  return room() * 3 >= network_->socket_bytes();
}

void Socket::write(std::string_view bytes) {
  SLUICE_ASSERT(state_ == State::connected && bytes.size() <= room());
  if (std::shared_ptr<Socket> other = other_.lock()) {
    other->inbox_.append(bytes);
    other->wake();
    return;
  }
  receive_reset();  // the other end is closed: its kernel answers data with a RST
}

int Socket::shutdown(int how) {
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return -EINVAL;
  if (state_ == State::listening && how != SHUT_WR) {
    stop_listening();
    return 0;
  }
  if (is_unix()) return shutdown_unix(how);
  // With both FINs exchanged the connection is over, and Linux says so.
  if (state_ != State::connected || (write_shut_ && fin_received_)) return -ENOTCONN;
  if (how != SHUT_WR) read_shut_ = true;
  if (how != SHUT_RD && !write_shut_) {
    write_shut_ = true;
    if (auto other = other_.lock()) other->receive_fin();
  }
  wake();
  return 0;
}

// As unix_shutdown: no state is wrong for it, and both ends are shut.
int Socket::shutdown_unix(int how) {
  std::shared_ptr<Socket> other = other_.lock();
  if (how != SHUT_WR) {
    read_shut_ = true;
    if (other != nullptr) other->write_shut_ = true;
  }
  if (how != SHUT_RD) {
    write_shut_ = true;
    if (other != nullptr) other->fin_received_ = true;
  }
  if (other != nullptr) other->wake();
  wake();
  return 0;
}

void Socket::die(int error) {
  if (state_ != State::connected) return;
  if (auto other = other_.lock()) other->receive_reset();
  other_.reset();
  inbox_.clear();
  state_ = State::closed;
  read_shut_ = write_shut_ = true;
  error_ = error;
  wake();
}

void Socket::reset() { die(0); }

void Socket::receive_fin() {
  fin_received_ = true;
  wake();
}

// As unix_release_sock does to the other end.
void Socket::receive_close(bool lost_data) {
  other_.reset();
  fin_received_ = write_shut_ = true;
  if (lost_data) error_ = ECONNRESET;
  wake();
}

// As tcp_reset: after a FIN the error is EPIPE; what has already come can still be read.
void Socket::receive_reset() {
  if (state_ != State::connected) return;
  other_.reset();
  error_ = fin_received_ ? EPIPE : ECONNRESET;
  reset_received_ = true;
  read_shut_ = write_shut_ = true;
  state_ = State::closed;
  wake();
}

void Socket::stop_listening() {
  if (state_ != State::listening) return;
  state_ = State::closed;
  for (const auto& waiting : queue_) waiting->reset();
  queue_.clear();
  wake();
}

int Socket::take_error() { return std::exchange(error_, 0); }

int Socket::set_option(int level, int name, int value) {
  if (is_unix() && level != SOL_SOCKET) return -EOPNOTSUPP;
  options_[{level, name}] = value;
  return 0;
}

// A host whose standard is bbr, and which has lost cubic.
int Socket::set_congestion_control(std::string_view name) {
  if (name != "reno" && name != "bbr") return -ENOENT;
  congestion_control_ = name;
  return 0;
}

int Socket::get_option(int level, int name, int& value) {
  if (level == SOL_SOCKET && name == SO_ERROR) {
    value = take_error();
    return 0;
  }
  if (level == SOL_SOCKET && name == SO_ACCEPTCONN) {
    value = state_ == State::listening ? 1 : 0;
    return 0;
  }
  if (level == SOL_SOCKET && name == SO_DOMAIN) {
    value = family_;
    return 0;
  }
  auto option = options_.find({level, name});
  value = option == options_.end() ? 0 : option->second;
  return 0;
}

bool Socket::has_option(int level, int name) const {
  auto option = options_.find({level, name});
  return option != options_.end() && option->second != 0;
}

// As tcp_poll.
short Socket::poll() const {
  if (state_ == State::listening) return queue_.empty() ? short{0} : short{POLLIN | POLLRDNORM};
  int mask = error_ != 0 ? POLLERR : 0;
  bool reads_end = read_shut_ || fin_received_;
  if (state_ != State::connected || (reads_end && write_shut_)) mask |= POLLHUP;
  if (reads_end) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
  if (!inbox_.empty()) mask |= POLLIN | POLLRDNORM;
  if (can_write()) mask |= POLLOUT | POLLWRNORM;
  return static_cast<short>(mask);
}

std::string Socket::describe() const {
  switch (state_) {
    case State::fresh:
      return "socket, unconnected";
    case State::listening:
      return "socket, listening on " + local_.describe();
    case State::connected:
      return "socket, connected " + local_.describe() + " to " + remote_.describe();
    case State::closed:
      return "socket, dead";
  }
  return "socket";
}

}  // namespace sluice::fault
