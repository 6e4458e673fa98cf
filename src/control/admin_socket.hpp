#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

#include "proxy/admin_settings.hpp"

namespace sluice::control {

// What: a listening unix socket and its file. The file of a process that has died is replaced; one that somebody
// answers
//       on, or that is no socket, is left alone. Symbolic links are not followed.
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
  AdminSocket(int fd, std::string path, dev_t device, ino_t inode)
      : fd_(fd), path_(std::move(path)), device_(device), inode_(inode) {}

  int fd_;
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace sluice::control
