#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "control/admin_socket.hpp"
#include "control/page.hpp"

namespace sluice::control {

// What: the admin socket: HTTP/1.1 for the operator, GET and HEAD, served by the control thread in between everything
//       else: no step blocks, and each moves a bounded amount.
// Shard: the control thread alone.
// Lifetime: within that of its pages.
// Invariants: at most `connections_max` connections, each with a deadline; what one holds is a head and a piece of a
//             page.
class Admin {
 public:
  // One sentence where it fails.
  [[nodiscard]] static std::expected<std::unique_ptr<Admin>, std::string> open(const proxy::AdminSettings& settings,
                                                                               Pages& pages);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Readable when handle() has something to do.
  [[nodiscard]] int event() const { return epoll_; }
  // Does what can be done now. Also to be called when a page that was `later` may go on.
  void handle();

  static constexpr std::size_t connections_max = 32;
  static constexpr std::size_t head_bytes_max = std::size_t{8} * 1024;

 private:
  class Connection;
  Admin(AdminSocket socket, Pages& pages, int epoll, int timer);
  void take_events();
  void accept_all(Instant now);
  void add(int fd, Instant now);
  void watch_listener(bool on);
  void arm_timer() const;

  AdminSocket socket_;
  Pages& pages_;
  int epoll_;
  int timer_;
  Instant accept_again_ = Instant::never();  // when there was no descriptor left
  std::list<Connection> connections_;        // oldest first
};

}  // namespace sluice::control
