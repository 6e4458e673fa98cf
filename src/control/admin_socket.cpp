#include "control/admin_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::control {
namespace {

constexpr int backlog = 64;

// What: a descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Whoever wants to replace the file waits for its turn: else of two that start at once, one would take away what the
// other has just made. The lock is the folder's own; it ends with the descriptor. Error: why there is none.
std::expected<void, std::string> lock(const Descriptor& folder) {
  constexpr int tries = 100;
  if (folder.get() < 0) return std::unexpected(fmt::format("its folder cannot be opened: {}", std::strerror(errno)));
  for (int i = 0; i < tries; ++i) {
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return {};
    (void)::poll(nullptr, 0, 10);
  }
  return std::unexpected("its folder is locked by another process");
}

std::unexpected<std::string> failed(const std::string& path, std::string_view why) {
  return std::unexpected(fmt::format("cannot open the admin socket {}: {}", path, why));
}

}  // namespace

std::expected<AdminSocket, std::string> AdminSocket::open(const proxy::AdminSettings& settings) {
  const std::string& path = settings.socket;
  const Descriptor folder(::open(net::folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (auto locked = lock(folder); !locked) return failed(path, locked.error());
  // No ring has this socket, so it ends with its process: there is nothing to ask again for.
  if (auto way = net::SocketFile::make_way(path, 0); !way) return failed(path, way.error());

  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return failed(path, std::strerror(errno));
  // The file gets the socket's own mode without the umask's bits: never more than it shall have, not for a moment.
  if (::fchmod(fd.get(), settings.mode.bits) < 0) return failed(path, std::strerror(errno));
  const sockaddr_un address = net::path_address(path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return failed(path, std::strerror(errno));
  }
  net::SocketFile file = net::SocketFile::of(path);
  file.set_mode(settings.mode.bits);
  if (::listen(fd.get(), backlog) < 0) {
    const int error = errno;
    file.remove();
    return failed(path, std::strerror(error));
  }
  return AdminSocket(fd.release(), std::move(file));
}

std::expected<void, std::string> AdminSocket::check(const proxy::AdminSettings& settings) {
  if (auto possible = net::SocketFile::check(settings.socket); !possible) {
    return failed(settings.socket, possible.error());
  }
  return {};
}

AdminSocket::AdminSocket(AdminSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), file_(std::exchange(other.file_, {})) {}

AdminSocket::~AdminSocket() {
  if (fd_ < 0) return;
  file_.remove();
  ::close(fd_);
}

}  // namespace sluice::control
