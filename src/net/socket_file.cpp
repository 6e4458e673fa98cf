#include "net/socket_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace sluice::net {

namespace {

using Outcome = std::expected<void, std::string>;

Outcome system_failure(int errno_value) { return std::unexpected(std::string(std::strerror(errno_value))); }

// What connect(2) says of the socket there: 0 where somebody took the connection, else errno.
int knock(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const sockaddr_un address = path_address(path);
  const int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ? errno : 0;
  ::close(fd);
  return error;
}

Outcome check_kind(const struct stat& found) {
  if (S_ISSOCK(found.st_mode)) return {};
  return std::unexpected(S_ISLNK(found.st_mode) ? "a symbolic link stands there; name the file itself"
                                                : "something that is no socket stands there");
}

}  // namespace

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

sockaddr_un path_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  SLUICE_ASSERT(path.size() < sizeof address.sun_path);  // checked when the configuration was read
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Outcome SocketFile::make_way(const std::string& path, int asks_again) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) < 0) return errno == ENOENT ? Outcome() : system_failure(errno);
  if (Outcome kind = check_kind(found); !kind) return kind;
  const std::optional<Identity> before = identify(path);
  int error = knock(path);
  for (int i = 0; i < asks_again && (error == 0 || error == EAGAIN); ++i) {
    std::this_thread::sleep_for(asks_again_after);
    error = knock(path);
  }
  switch (error) {
    case 0:
    case EAGAIN:      // its queue is full
    case EPROTOTYPE:  // it is no stream socket
      return std::unexpected("another process answers there");
    case ECONNREFUSED:
      break;
    case ENOENT:
      return {};  // it has just gone
    default:
      return system_failure(error);
  }
  // Another process may have made way, and its own socket, since.
  if (identify(path) != before) return std::unexpected("another process answers there");
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) return system_failure(errno);
  return {};
}

Outcome SocketFile::check(const std::string& path) {
  struct stat found{};
  const std::string folder = folder_of(path);
  if (::stat(folder.c_str(), &found) < 0) {
    return std::unexpected(fmt::format("its folder cannot be opened: {}", std::strerror(errno)));
  }
  if (::access(folder.c_str(), W_OK | X_OK) < 0) {
    return std::unexpected(fmt::format("no file can be made in its folder: {}", std::strerror(errno)));
  }
  return ::lstat(path.c_str(), &found) == 0 ? check_kind(found) : Outcome();
}

SocketFile SocketFile::of(const std::string& path) {
  SocketFile file;
  if (const auto identity = identify(path)) {
    file.path_ = path;
    file.identity_ = *identity;
  }
  return file;
}

std::optional<SocketFile::Identity> SocketFile::identify(const std::string& path) {
  struct statx found{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &found) < 0) return std::nullopt;
  Identity identity{.device = std::uint64_t{found.stx_dev_major} << 32 | found.stx_dev_minor, .inode = found.stx_ino};
  if ((found.stx_mask & STATX_BTIME) != 0) {
    identity.born_s = found.stx_btime.tv_sec;
    identity.born_ns = found.stx_btime.tv_nsec;
  }
  return identity;
}

void SocketFile::set_mode(unsigned bits) const {
  if (!path_.empty() && identify(path_) == identity_) (void)::chmod(path_.c_str(), bits);
}

void SocketFile::remove() {
  // Whoever has no right to remove it leaves the file, and the next start does it.
  if (!path_.empty() && identify(path_) == identity_) (void)::unlink(path_.c_str());
  path_.clear();
}

}  // namespace sluice::net
