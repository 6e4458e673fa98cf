#include "control/admin_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/assert.hpp"

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

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  SLUICE_ASSERT(path.size() < sizeof address.sun_path);  // checked when the configuration was read
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int open_stream() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

// errno of connecting to the socket at `path`; 0: somebody answers.
int try_connect(const std::string& path) {
  Descriptor fd(open_stream());
  if (fd.get() < 0) return errno;
  const sockaddr_un address = address_of(path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  return errno;
}

// Why the file that is there may not be replaced; nothing where there is none, or a dead process has left it.
std::optional<std::string> why_not_replace(const std::string& path, bool& is_stale) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) < 0) {
    return errno == ENOENT ? std::nullopt : std::optional<std::string>(std::strerror(errno));
  }
  if (!S_ISSOCK(file.st_mode)) return "there is a file of that name, and it is no socket";
  const int answer = try_connect(path);
  // EAGAIN: somebody listens, whose backlog is full.
  if (answer == 0 || answer == EAGAIN) return "another process answers there";
  if (answer != ECONNREFUSED) return fmt::format("the socket that is there cannot be tried: {}", std::strerror(answer));
  is_stale = true;
  return std::nullopt;
}

// Takes the file of a dead process away. Says why not.
std::optional<std::string> remove_stale(const std::string& path) {
  bool is_stale = false;
  if (auto why = why_not_replace(path, is_stale)) return why;
  if (is_stale && ::unlink(path.c_str()) < 0 && errno != ENOENT) {
    return fmt::format("a dead process left it, and it cannot be removed: {}", std::strerror(errno));
  }
  return std::nullopt;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// Whoever wants to replace the file waits for its turn: else of two that start at once, one would take away what the
// other has just made. The lock is the folder's own; it ends with the descriptor.
std::optional<std::string> lock_folder(const std::string& path, int& folder) {
  constexpr int tries = 100;
  folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return fmt::format("its folder cannot be opened: {}", std::strerror(errno));
  for (int i = 0; i < tries; ++i) {
    if (::flock(folder, LOCK_EX | LOCK_NB) == 0) return std::nullopt;
    (void)::poll(nullptr, 0, 10);
  }
  return "its folder is locked by another process";
}

}  // namespace

std::expected<AdminSocket, std::string> AdminSocket::open(const proxy::AdminSettings& settings) {
  const std::string& path = settings.socket;
  auto fail = [&path](std::string_view why) {
    return std::unexpected(fmt::format("cannot open the admin socket {}: {}", path, why));
  };
  int folder_fd = -1;
  std::optional<std::string> unlocked = lock_folder(path, folder_fd);
  Descriptor folder(folder_fd);
  if (unlocked) return fail(*unlocked);
  if (std::optional<std::string> why = remove_stale(path)) return fail(*why);

  Descriptor fd(open_stream());
  if (fd.get() < 0) return fail(std::strerror(errno));
  // The file is made with the mode of the socket, so there is no moment in which anybody else may connect; the mask is
  // the process's, and the only other files that it makes meanwhile are told their mode.
  const mode_t mode = settings.mode.bits;
  if (::fchmod(fd.get(), mode) < 0) return fail(std::strerror(errno));
  const sockaddr_un address = address_of(path);
  const mode_t mask = ::umask(0);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_errno = errno;
  ::umask(mask);
  if (bound < 0) return fail(std::strerror(bind_errno));
  struct stat file{};
  if (::listen(fd.get(), backlog) < 0 || ::lstat(path.c_str(), &file) < 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return fail(std::strerror(error));
  }
  return AdminSocket(fd.release(), path, file.st_dev, file.st_ino);
}

std::expected<void, std::string> AdminSocket::check(const proxy::AdminSettings& settings) {
  const std::string& path = settings.socket;
  auto fail = [&path](std::string_view why) {
    return std::unexpected(fmt::format("cannot open the admin socket {}: {}", path, why));
  };
  const std::string folder = folder_of(path);
  struct stat file{};
  if (::stat(folder.c_str(), &file) < 0) {
    return fail(fmt::format("its folder cannot be opened: {}", std::strerror(errno)));
  }
  if (::access(folder.c_str(), W_OK | X_OK) < 0) {
    return fail(fmt::format("no file can be made in its folder: {}", std::strerror(errno)));
  }
  // One that answers may be the process that this file is checked for.
  if (::lstat(path.c_str(), &file) == 0 && !S_ISSOCK(file.st_mode)) {
    return fail("there is a file of that name, and it is no socket");
  }
  return {};
}

AdminSocket::AdminSocket(AdminSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), device_(other.device_), inode_(other.inode_) {}

AdminSocket::~AdminSocket() {
  if (fd_ < 0) return;
  struct stat file{};
  const bool is_ours = ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
  if (is_ours) ::unlink(path_.c_str());
  ::close(fd_);
}

}  // namespace sluice::control
