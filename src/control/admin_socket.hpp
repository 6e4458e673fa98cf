#pragma once

#include <expected>
#include <string>

#include "net/socket_file.hpp"
#include "proxy/admin_settings.hpp"

namespace sluice::control {

// What: a listening unix socket and its file.
// Lifetime: takes the file away at its end, if it is still the one that it made.
class AdminSocket {
 public:
  // One sentence where it fails, and then nothing is left.
  [[nodiscard]] static std::expected<AdminSocket, std::string> open(const proxy::AdminSettings& settings);
  // Whether open() would succeed, as far as that can be told without making or removing anything.
  [[nodiscard]] static std::expected<void, std::string> check(const proxy::AdminSettings& settings);
  AdminSocket(AdminSocket&& other) noexcept;
  AdminSocket& operator=(AdminSocket&&) = delete;
  ~AdminSocket();

  [[nodiscard]] int fd() const { return fd_; }

 private:
  AdminSocket(int fd, net::SocketFile file) : fd_(fd), file_(std::move(file)) {}

  int fd_;
  net::SocketFile file_;
};

}  // namespace sluice::control
