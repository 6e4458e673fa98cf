#include "proxy/log_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/kernel.hpp"
#include "runtime/notice.hpp"
#include "runtime/privileges.hpp"
#include "runtime/topology.hpp"

namespace sluice::proxy {

namespace {

int open_log(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(const std::string& path, Duration flush_interval) {
  int file = open_log(path);
  if (file < 0) return std::unexpected(error_from_errno(errno));
  int event = runtime::kernel::event_open();
  if (event < 0) {
    ::close(file);
    return std::unexpected(error_from_errno(-event));
  }
  return std::unique_ptr<LogWriter>(new LogWriter(path, file, event, flush_interval));
}

Result<void> LogWriter::check(const std::string& path) {
  int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file >= 0) {
    ::close(file);
    return {};
  }
  if (errno != ENOENT) return std::unexpected(error_from_errno(errno));
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return std::unexpected(error_from_errno(errno));
  return {};
}

LogWriter::LogWriter(std::string path, int file, int event, Duration flush_interval)
    : path_(std::move(path)), file_(file), event_(event), flush_interval_(flush_interval) {}

LogWriter::~LogWriter() {
  (void)stop();
  ::close(file_);
  ::close(event_);
}

std::uint64_t LogWriter::stop() {
  if (thread_.joinable()) {
    stopping_.store(true, std::memory_order_release);
    wake();
    thread_.join();
  }
  std::uint64_t lost = lost_;
  for (const auto& ring : rings_) {
    auto [first, second] = ring->peek();
    lost += static_cast<std::uint64_t>(std::ranges::count(first, '\n') + std::ranges::count(second, '\n'));
  }
  return lost;
}

LogRing& LogWriter::add_ring(std::size_t bytes) {
  rings_.push_back(std::make_unique<LogRing>(bytes));
  return *rings_.back();
}

bool LogWriter::start(bool is_held) {
  is_held_.store(is_held, std::memory_order_release);
  try {
    thread_ = std::thread(&LogWriter::run, this);
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void LogWriter::begin() noexcept {
  is_held_.store(false, std::memory_order_release);
  wake();
}

void LogWriter::wake() const noexcept { (void)runtime::kernel::event_signal(event_); }

void LogWriter::reopen() noexcept {
  reopening_.store(true, std::memory_order_release);
  wake();
}

void LogWriter::run() {
  runtime::name_this_thread("sluice-log");
  runtime::drop_thread_capabilities();
  for (;;) {
    const bool is_last_round = stopping_.load(std::memory_order_acquire);
    if (is_held_.load(std::memory_order_acquire) && !is_last_round) {
      wait();
      continue;
    }
    bool takes = true;
    // The old file gets the end of its last line, if it still takes it.
    if (unfinished_ != nullptr) takes = write_out(*unfinished_);
    if (reopening_.exchange(false, std::memory_order_acq_rel)) {
      reopen_file();
      takes = true;
    }
    for (std::size_t i = 0; takes && i < rings_.size(); ++i) takes = write_out(*rings_[i]);
    if (is_last_round) return;
    if (!takes || !has_much()) wait();
  }
}

void LogWriter::wait() {
  pollfd event{event_, POLLIN, 0};
  auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(flush_interval_).count();
  if (::poll(&event, 1, static_cast<int>(milliseconds)) > 0) {
    std::uint64_t count = 0;
    (void)!::read(event_, &count, sizeof count);
  }
}

// Writes what the ring holds now, and no more: a shard that never pauses must not keep the others' lines waiting.
bool LogWriter::write_out(LogRing& ring) {
  auto [first, second] = ring.peek();
  for (std::size_t left = first.size() + second.size(); left > 0;) {
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    ssize_t written = ::writev(file_, parts, second.empty() ? 1 : 2);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      report(written < 0 ? errno : ENOSPC);
      return false;
    }
    report(0);
    auto count = static_cast<std::size_t>(written);
    char last = count <= first.size() ? first[count - 1] : second[count - first.size() - 1];
    unfinished_ = last == '\n' ? nullptr : &ring;
    ring.pop(count);
    left -= count;
    const std::size_t of_first = std::min(count, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(count - of_first);
    if (first.empty()) std::swap(first, second);
  }
  unfinished_ = nullptr;
  return true;
}

bool LogWriter::has_much() const {
  return std::ranges::any_of(rings_, [](const auto& ring) {
    auto [first, second] = ring->peek();
    return first.size() + second.size() >= ring->capacity() / 2;
  });
}

void LogWriter::reopen_file() {
  int file = open_log(path_);
  if (file < 0) {
    runtime::notice(
        fmt::format("cannot reopen the access log {}: {}; writing on to the old file", path_, std::strerror(errno)));
    return;
  }
  drop_unfinished();
  ::close(file_);
  file_ = file;
}

// The rest of a line that the old file took no more of has no place in the new one.
void LogWriter::drop_unfinished() {
  if (unfinished_ == nullptr) return;
  auto [first, second] = unfinished_->peek();
  std::size_t end = first.find('\n');
  if (end == std::string_view::npos) end = first.size() + second.find('\n');
  unfinished_->pop(end + 1);
  unfinished_ = nullptr;
  ++lost_;
}

// Once for each change, not once for each try.
void LogWriter::report(int errno_value) {
  if (errno_value == reported_errno_) return;
  reported_errno_ = errno_value;
  if (errno_value != 0) {
    runtime::notice(fmt::format("cannot write the access log {}: {}; lines are dropped when the buffer is full", path_,
                                std::strerror(errno_value)));
  } else {
    runtime::notice(fmt::format("the access log {} is being written again", path_));
  }
}

}  // namespace sluice::proxy
