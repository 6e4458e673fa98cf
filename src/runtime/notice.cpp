#include "runtime/notice.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::runtime {

void write_text(int fd, std::string_view text) noexcept {
  constexpr int patience_ms = 100;
  // A pipe that is ready takes this much without blocking (POSIX: PIPE_BUF).
  constexpr std::size_t piece_bytes = 4096;
  while (!text.empty()) {
    pollfd ready{fd, POLLOUT, 0};
    if (::poll(&ready, 1, patience_ms) <= 0 || (ready.revents & POLLOUT) == 0) return;
    ssize_t written = ::write(fd, text.data(), std::min(text.size(), piece_bytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void notice(std::string_view line) { write_text(STDERR_FILENO, fmt::format("sluice: {}\n", line)); }

}  // namespace sluice::runtime
