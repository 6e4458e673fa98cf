#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address.hpp"
#include "descriptors.hpp"

namespace sluice::fault {

class Socket;

// What: who listens where. Bytes take no time and never get lost; only faults do that.
class Network {
 public:
  explicit Network(std::size_t socket_bytes) : socket_bytes_(socket_bytes) {}

  [[nodiscard]] std::size_t socket_bytes() const { return socket_bytes_; }

  // 0 or -EADDRINUSE. A port of 0 is replaced by a free one. The file of a unix socket stays for good.
  [[nodiscard]] int claim(Socket& socket, Address& address);
  void release(const Socket& socket);
  void take_any_port(Address& address);

  // Some listener at the address, those of one SO_REUSEPORT group in turn, one with room preferred; null if none.
  [[nodiscard]] Socket* listener_at(const Address& address);
  // What connect says where nobody listens.
  [[nodiscard]] int refusal_at(const Address& address) const;

 private:
  std::size_t socket_bytes_;
  std::vector<Socket*> bound_;
  std::set<std::string> files_;
  std::uint16_t next_port_ = 40'000;
  std::size_t turn_ = 0;
};

// What: a stream socket, in any state from socket(2) to closed. The errno and poll bits are those of Linux's TCP, or of
// its unix sockets, which have no wire: what one end does, the other knows at once.
// Invariants: `other_` is set while connected, until the other end is gone.
class Socket final : public File, public std::enable_shared_from_this<Socket> {
 public:
  enum class State : std::uint8_t { fresh, listening, connected, closed };

  explicit Socket(std::shared_ptr<Network> network, int family) : network_(std::move(network)), family_(family) {}
  ~Socket() override;

  [[nodiscard]] int bind(Address address);
  [[nodiscard]] int listen(int backlog);

  // 0; -EAGAIN while the listener's queue is full; -ECONNREFUSED; -EISCONN.
  [[nodiscard]] int connect(const Address& address);
  // Whether connect would say something else than -EAGAIN.
  [[nodiscard]] bool can_connect(const Address& address) const;

  [[nodiscard]] bool can_accept() const { return state_ != State::listening || !queue_.empty(); }
  [[nodiscard]] std::shared_ptr<Socket> take_accepted();  // null when none waits
  [[nodiscard]] bool has_accept_room() const { return queue_.size() < backlog_; }

  // Takes up to `bytes_max` bytes. 0 at the end, -EAGAIN, -errno; an error is reported once.
  [[nodiscard]] long read(std::size_t bytes_max, std::string& out);
  [[nodiscard]] bool can_read() const;
  [[nodiscard]] std::size_t readable() const { return inbox_.size(); }
  [[nodiscard]] bool has_error() const { return error_ != 0; }
  [[nodiscard]] bool has_room() const { return room() != 0; }
  // As tcp_inq: the bytes that wait, or 1 when only the end does.
  [[nodiscard]] std::size_t inquiry() const { return inbox_.empty() && fin_received_ ? 1 : inbox_.size(); }

  // Room for a write: > 0, -EAGAIN, or -errno; an error is reported once. Then write at most so much.
  [[nodiscard]] long write_room();
  [[nodiscard]] bool can_write() const;  // as POLLOUT: an error, or a third of the buffer free
  void write(std::string_view bytes);

  [[nodiscard]] int shutdown(int how);
  // The connection dies, for both ends, as by a RST on the wire or a timeout here. error: what this end reports.
  void die(int error);
  void set_reset_on_close() { resets_on_close_ = true; }  // as SO_LINGER {1, 0}
  void reset();                                           // by this end: it sends a RST and is closed

  [[nodiscard]] int set_option(int level, int name, int value);
  [[nodiscard]] const std::string& congestion_control() const { return congestion_control_; }
  [[nodiscard]] int set_congestion_control(std::string_view name);
  [[nodiscard]] int get_option(int level, int name, int& value);
  [[nodiscard]] bool has_option(int level, int name) const;

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Address& local() const { return local_; }
  [[nodiscard]] const Address& remote() const { return remote_; }
  [[nodiscard]] int family() const { return family_; }
  [[nodiscard]] bool fin_received() const { return fin_received_; }
  [[nodiscard]] bool reset_received() const { return reset_received_; }
  [[nodiscard]] short poll() const override;
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::size_t pending_bytes() const override { return inbox_.size(); }

 private:
  [[nodiscard]] bool is_unix() const { return family_ == AF_UNIX; }
  void receive_fin();
  void receive_close(bool lost_data);
  void receive_reset();
  void stop_listening();
  [[nodiscard]] int take_error();
  [[nodiscard]] int shutdown_unix(int how);
  [[nodiscard]] std::size_t room() const;

  std::shared_ptr<Network> network_;
  int family_;
  State state_ = State::fresh;
  bool is_bound_ = false;
  bool read_shut_ = false;
  bool write_shut_ = false;
  bool fin_received_ = false;
  bool reset_received_ = false;
  bool resets_on_close_ = false;
  int error_ = 0;  // as SO_ERROR
  Address local_;
  Address remote_;
  std::weak_ptr<Socket> other_;
  std::string inbox_;
  std::size_t backlog_ = 0;
  std::deque<std::shared_ptr<Socket>> queue_;
  std::map<std::pair<int, int>, int> options_;
  std::string congestion_control_ = "bbr";
};

}  // namespace sluice::fault
