#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "proxy/log_ring.hpp"

namespace sluice::proxy {

// What: the thread that writes the access log. A disk may block it; a full disk makes it try again. Shards notice
// neither:
//       their rings fill and further lines are dropped and counted there.
// Shard: wake() from any; the rest from the control thread.
// Lifetime: outlives the shards; stop()ped, at the latest by its destructor.
// Invariants: one writer, and a line that was begun is finished before anything else is written, so lines stay whole.
class LogWriter {
 public:
  // Opens `path` for appending, creating it with mode 0640. Errors: what open(2) says.
  [[nodiscard]] static Result<std::unique_ptr<LogWriter>> open(const std::string& path, Duration flush_interval);
  // Whether open() would succeed, without creating anything. Errors: as open().
  [[nodiscard]] static Result<void> check(const std::string& path);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // A ring for one shard; before start().
  [[nodiscard]] LogRing& add_ring(std::size_t bytes);
  // False when there is no thread to be had. is_held: it writes nothing before begin(), so that another writer can end
  // its last line in the same file.
  [[nodiscard]] bool start(bool is_held = false);
  void begin() noexcept;
  // Writes what the rings still hold and ends the thread; how many lines the file did not take any more. Once.
  std::uint64_t stop();
  // There is something to write soon. Never blocks.
  void wake() const noexcept;
  // Opens the file by its path again (after it was moved away). Takes effect with the next write.
  void reopen() noexcept;

 private:
  LogWriter(std::string path, int file, int event, Duration flush_interval);
  void run();
  void reopen_file();
  void drop_unfinished();
  void wait();
  // False when the file took nothing.
  bool write_out(LogRing& ring);
  // Some ring is half full again: no time to wait.
  [[nodiscard]] bool has_much() const;
  void report(int errno_value);

  std::string path_;
  int file_;
  int event_;
  Duration flush_interval_;
  std::vector<std::unique_ptr<LogRing>> rings_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopening_{false};
  std::atomic<bool> is_held_{false};
  LogRing* unfinished_ = nullptr;  // its first bytes are the rest of a line that has been begun
  int reported_errno_ = 0;
  std::uint64_t lost_ = 0;  // lines that were begun and never ended
};

}  // namespace sluice::proxy
