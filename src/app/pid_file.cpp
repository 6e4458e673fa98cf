#include "app/pid_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"

namespace sluice::app {
namespace {

// The longest number, and the end of its line.
constexpr std::size_t content_bytes_max = 21;

std::unexpected<std::string> failed(std::string_view what, const std::string& path, int os_error) {
  return std::unexpected(fmt::format("cannot {} the pid file {}: {}", what, path, std::strerror(os_error)));
}

// What: a descriptor for the time of a function.
class OpenFile {
 public:
  // Never waits, and follows no link at the end of the path: in a folder that others may write to, that could be a
  // trap.
  OpenFile(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644)), error_(errno) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int error() const { return error_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
  int error_;
};

struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Who holds the lock, by the numbers of our namespace: 0 for one that has none there. None: nobody.
std::optional<pid_t> owner_of(int file) {
  struct flock lock = whole_file();
  if (::fcntl(file, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return std::max(lock.l_pid, 0);
}

std::optional<std::string> content_of(int file) {
  char content[content_bytes_max + 1];
  const ssize_t size = ::pread(file, content, sizeof content, 0);
  if (size < 0) return std::nullopt;
  return std::string(content, static_cast<std::size_t>(size));
}

// The number in a pid file, 0 in one that is empty. None: this is no pid file.
std::optional<std::uint64_t> number_in(std::string_view content) {
  if (content.empty()) return 0;
  if (content.size() > content_bytes_max || !content.ends_with('\n')) return std::nullopt;
  return ascii::parse_decimal(content.substr(0, content.size() - 1));
}

// What is wrong with taking the file for ours: it will be overwritten and removed.
std::optional<std::string> refusal(int file, const std::string& path) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return fmt::format("cannot look at the pid file {}: {}", path, std::strerror(errno));
  if (!S_ISREG(status.st_mode) || status.st_nlink > 1) return fmt::format("the pid file {} is no plain file", path);
  const auto content = content_of(file);
  if (!content || !number_in(*content)) return fmt::format("{} is there already, and is no pid file", path);
  return std::nullopt;
}

}  // namespace

std::expected<void, std::string> PidFile::claim(const std::string& path) {
  OpenFile file(path, O_RDWR | O_CREAT);
  if (file.get() < 0) return failed("open", path, file.error());
  if (auto why = refusal(file.get(), path)) return std::unexpected(*why);
  struct flock lock = whole_file();
  if (::fcntl(file.get(), F_SETLK, &lock) != 0) {
    const int error = errno;
    if (auto owner = owner_of(file.get())) {
      return std::unexpected(fmt::format("the pid file {} belongs to process {}, which runs", path, *owner));
    }
    return failed("lock", path, error);
  }
  // What a crash left names somebody else by now.
  if (::ftruncate(file.get(), 0) != 0 || ::fchmod(file.get(), 0644) != 0) return failed("write", path, errno);
  path_ = path;
  file_ = file.release();
  return {};
}

std::expected<void, std::string> PidFile::check(const std::string& path) {
  OpenFile file(path, O_RDWR);
  if (file.get() >= 0) {
    if (auto why = refusal(file.get(), path)) return std::unexpected(*why);
    return {};
  }
  if (file.error() != ENOENT) return failed("open", path, file.error());
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) return failed("create", path, errno);
  return {};
}

std::expected<void, std::string> PidFile::write() {
  if (file_ < 0) return {};
  // The file is empty: whoever reads it sees nothing or the whole.
  const std::string content = fmt::format("{}\n", ::getpid());
  const ssize_t written = ::pwrite(file_, content.data(), content.size(), 0);
  if (written == static_cast<ssize_t>(content.size())) return {};
  return failed("write", path_, written < 0 ? errno : ENOSPC);
}

void PidFile::remove() {
  if (file_ < 0) return;
  // Emptied first: between the two, and where it cannot be removed, it names nobody.
  (void)!::ftruncate(file_, 0);
  struct stat ours{};
  struct stat there{};
  const bool is_ours = ::fstat(file_, &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
                       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (is_ours) (void)::unlink(path_.c_str());
  ::close(std::exchange(file_, -1));
}

std::expected<void, std::string> signal_owner(const std::string& path, int signal) {
  OpenFile file(path, O_RDONLY);
  if (file.get() < 0 && file.error() == ENOENT) {
    return std::unexpected(fmt::format("no Sluice runs with this configuration: there is no pid file {}", path));
  }
  if (file.get() < 0) return failed("open", path, file.error());
  const auto owner = owner_of(file.get());
  if (!owner) {
    return std::unexpected(fmt::format("no Sluice runs with this configuration: nobody holds the pid file {}", path));
  }
  if (*owner == 0) return std::unexpected(fmt::format("the pid file {} belongs to another PID namespace", path));
  const auto content = content_of(file.get());
  const auto number = content ? number_in(*content) : std::nullopt;
  if (number == 0) return std::unexpected(fmt::format("process {} is still starting, or already ending", *owner));
  if (!number || *number != static_cast<std::uint64_t>(*owner)) {
    return std::unexpected(fmt::format("the pid file {} belongs to process {}, and does not say so", path, *owner));
  }
  // From here on, the number cannot come to mean another process.
  const auto process = static_cast<int>(::syscall(SYS_pidfd_open, *owner, 0));
  if (process < 0) return std::unexpected(fmt::format("cannot reach process {}: {}", *owner, std::strerror(errno)));
  const bool is_still_owner = owner_of(file.get()) == owner;
  const long result = is_still_owner ? ::syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0) : 0;
  const int error = errno;
  ::close(process);
  if (!is_still_owner) return std::unexpected(fmt::format("process {} has just ended", *owner));
  if (result != 0) return std::unexpected(fmt::format("cannot signal process {}: {}", *owner, std::strerror(error)));
  return {};
}

}  // namespace sluice::app
