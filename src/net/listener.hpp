#pragma once

#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "net/address.hpp"
#include "net/congestion_control.hpp"
#include "runtime/joined.hpp"
#include "runtime/loop.hpp"
#include "runtime/task.hpp"

namespace sluice::net {

// What: one shard's end of an address that all shards listen on. Over TCP it has a socket of its own (SO_REUSEPORT)
//       with a multishot accept. A unix socket is one for all, and each shard accepts one connection at a time from
//       it, which lets the kernel give them turns (docs/decisions/0007).
// Shard: one.
// Lifetime: close() has ended before it is destroyed.
// Invariants: each accepted descriptor goes to the acceptor exactly once.
class Listener final : private runtime::Operation, private runtime::Timer {
 public:
  class Acceptor {
   public:
    // Owns fd (non-blocking, close-on-exec; over TCP with TCP_NODELAY).
    virtual void on_connection(int fd) = 0;
    // There is no descriptor or no memory left to accept with; it goes on after a pause.
    virtual void on_pause() {}

   protected:
    ~Acceptor() = default;
  };

  // Whether nobody else listens there: SO_REUSEPORT alone would let a second process share the port without a word.
  // Errors: what bind(2) says, system with EADDRINUSE above all.
  [[nodiscard]] static Result<void> check_free(const Address& address);
  // A bound and listening TCP socket, made on the control thread so that errors show before any shard starts.
  // Errors: what socket(2), bind(2) and listen(2) say.
  [[nodiscard]] static Result<int> open_socket(const Address& address, int backlog,
                                               std::string_view congestion_control = CongestionControl::automatic);

  // The same, not yet listening.
  [[nodiscard]] static Result<int> bind_socket(const Address& address, std::string_view congestion_control);

  // Owns fd from here on.
  Listener(runtime::Loop& loop, int fd, Acceptor& acceptor);
  ~Listener();

  void start();
  // Connections that the kernel holds until they are accepted, from now on.
  void set_backlog(int backlog);
  // Of the connections that are accepted from now on. name: as effective_congestion_control() found it.
  void set_congestion_control(std::string_view name);
  // Cancels and joins the accept, takes what the backlog still holds, closes. Uncancellable; once.
  runtime::Task<void> close();

 private:
  void arm();
  void on_completion(int result, unsigned flags) override;
  void on_joined() override;
  void on_deadline() override;
  void on_ended();

  runtime::Loop& loop_;
  // How many of the backlog are still taken while closing: new ones may come as fast as they are taken.
  static constexpr int drain_accepts_max = 4096;
  int fd_;
  Acceptor& acceptor_;
  runtime::Joined* joiner_ = nullptr;
  bool is_shared_;
  bool closing_ = false;
};

}  // namespace sluice::net
