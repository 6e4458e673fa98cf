#pragma once

#include <sys/un.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace sluice::net {

// The kernel takes a ring apart after the process that had it is gone, and until then its sockets go on listening. Who
// starts right after a crash asks again for an address that seems to be taken, so often and so far apart.
inline constexpr int asks_again_max = 25;
inline constexpr Duration asks_again_after = std::chrono::milliseconds(20);

// The folder that a path is in; "." where it names none.
[[nodiscard]] std::string folder_of(const std::string& path);
// The address of a socket whose file has that path, from the root or from the working directory; at most 107 bytes.
[[nodiscard]] sockaddr_un path_address(const std::string& path);

// What: the file of a listening unix socket.
// Shard: none; for the control thread, since it touches the file system.
// Lifetime: the file stays until remove(), or until a later start finds that nobody answers there.
// Invariants: only a file that is still the one that was made is removed.
class SocketFile {
 public:
  SocketFile() = default;  // none: nothing to remove

  // Makes way for a socket at `path`: what an earlier process left there is removed, if nobody answers on it any more.
  // Errors, the second half of "cannot listen ...: ": somebody answers, something else than a socket stands there, what
  // lstat(2), connect(2) and unlink(2) say. asks_again: how often, before somebody who answers is believed.
  [[nodiscard]] static std::expected<void, std::string> make_way(const std::string& path,
                                                                 int asks_again = asks_again_max);
  // Whether a socket could be made at `path` now, changing nothing. A process that answers there is no mistake: it may
  // be the one that this configuration is for.
  [[nodiscard]] static std::expected<void, std::string> check(const std::string& path);
  // The file that was just bound.
  [[nodiscard]] static SocketFile of(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  void remove();
  // Gives it other permissions; no effect where there is no file any more, or it is not ours to change.
  void set_mode(unsigned bits) const;

 private:
  // Which file it is: numbers of inodes are used again at once, so where the file system knows when the file was made,
  // that counts as well.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t born_s = 0;
    std::uint32_t born_ns = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  [[nodiscard]] static std::optional<Identity> identify(const std::string& path);

  std::string path_;
  Identity identity_;
};

}  // namespace sluice::net
