#include "net/listening_sockets.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "base/assert.hpp"
#include "net/listener.hpp"
#include "runtime/kernel.hpp"

namespace sluice::net {

namespace {

using Opened = std::expected<ListeningSockets, std::string>;

std::string describe(const Error& error) {
  return error.os_error != 0 ? std::string(std::strerror(error.os_error)) : std::string(to_string(error.code));
}

Address local_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (runtime::kernel::local_address(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
}

Opened fail_and_close(ListeningSockets& sockets, std::string why) {
  sockets.close();
  return std::unexpected(std::move(why));
}

Opened open_tcp(ListeningSockets sockets, const ListenerSettings& settings, unsigned shards, Occupancy occupancy) {
  if (occupancy == Occupancy::must_be_free) {
    Result<void> free = Listener::check_free(sockets.address);
    for (int i = 0; i < asks_again_max && !free && free.error().os_error == EADDRINUSE; ++i) {
      std::this_thread::sleep_for(asks_again_after);
      free = Listener::check_free(sockets.address);
    }
    if (!free) return std::unexpected(describe(free.error()));
  }
  const bool is_shared = occupancy == Occupancy::shared_with_us;
  const auto backlog = static_cast<int>(settings.backlog);
  for (unsigned shard = 0; shard < shards; ++shard) {
    const std::string& congestion_control = settings.congestion_control.value;
    Result<int> fd = is_shared ? Listener::bind_socket(sockets.address, congestion_control)
                               : Listener::open_socket(sockets.address, backlog, congestion_control);
    if (!fd) return fail_and_close(sockets, describe(fd.error()));
    sockets.fds.push_back(*fd);
    // Port 0: the first socket finds a port, the other shards join it there.
    sockets.address = local_address_of(*fd);
  }
  return sockets;
}

// Gives 0, or -errno.
int bind_unix(int fd, const Address& address, FileMode mode) {
  const std::string path(address.path());
  // The file gets the socket's own mode without the umask's bits: never more than it shall have, not for a moment.
  if (!path.empty()) (void)::fchmod(fd, mode.bits);
  if (int result = runtime::kernel::bind(fd, address.data(), address.size()); result < 0) return result;
  return path.empty() || ::chmod(path.c_str(), mode.bits) == 0 ? 0 : -errno;
}

Opened open_unix(ListeningSockets sockets, const ListenerSettings& settings, unsigned shards) {
  const std::string path(sockets.address.path());
  if (!path.empty()) {
    if (auto way = SocketFile::make_way(path); !way) return std::unexpected(way.error());
  }
  const int fd = runtime::kernel::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return std::unexpected(std::strerror(-fd));
  sockets.fds.push_back(fd);
  int result = bind_unix(fd, sockets.address, settings.file_mode());
  // Where bind(2) found a file in its way, that is another's.
  if (!path.empty() && result != -EADDRINUSE) sockets.file = SocketFile::of(path);
  if (result == 0) result = runtime::kernel::listen(fd, static_cast<int>(settings.backlog));
  if (result < 0) return fail_and_close(sockets, std::strerror(-result));
  while (sockets.fds.size() < shards) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return fail_and_close(sockets, std::strerror(errno));
    sockets.fds.push_back(copy);
  }
  return sockets;
}

}  // namespace

Result<void> begin_listening(std::span<const int> fds, int backlog) {
  for (int fd : fds) {
    if (int result = runtime::kernel::listen(fd, backlog); result < 0)
      return std::unexpected(error_from_errno(-result));
  }
  return {};
}

void ListeningSockets::close() {
  for (int fd : fds) runtime::kernel::close(fd);
  fds.clear();
  file.remove();
}

Opened open_listening_sockets(const ListenerSettings& settings, unsigned shards, Occupancy occupancy) {
  SLUICE_ASSERT(shards > 0);
  std::optional<Address> address = Address::parse(settings.address.value);
  SLUICE_ASSERT(address.has_value());  // checked when the configuration was read
  ListeningSockets sockets;
  sockets.address = *address;
  return address->is_unix() ? open_unix(std::move(sockets), settings, shards)
                            : open_tcp(std::move(sockets), settings, shards, occupancy);
}

std::string_view to_string(Occupancy occupancy) noexcept {
  switch (occupancy) {
    case Occupancy::must_be_free:
      return "must_be_free";
    case Occupancy::shared_with_us:
      return "shared_with_us";
  }
  return "?";
}

std::expected<void, std::string> check_listening_address(const ListenerSettings& settings) {
  if (!settings.has_file()) return {};
  return SocketFile::check(std::string(Address::parse(settings.address.value)->path()));
}

}  // namespace sluice::net
