#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

namespace sluice::app {

// What: the file that names the running process, for `-s` and for service managers. A lock on it says whether that
//       process lives: what a crash leaves behind is harmless.
// Lifetime: claimed before privileges are given up, written once everything serves, removed at the end.
class PidFile {
 public:
  PidFile() = default;
  ~PidFile() { remove(); }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Creates the file if need be, and locks it. Error: a sentence; above all, that another process holds it.
  [[nodiscard]] std::expected<void, std::string> claim(const std::string& path);
  // Whether claim() would succeed for a process that starts when the one that holds it now, if any, has ended. Changes
  // nothing.
  [[nodiscard]] static std::expected<void, std::string> check(const std::string& path);
  // Puts the process in, all at once.
  [[nodiscard]] std::expected<void, std::string> write();
  // Removes the file; where the folder does not let us, empties it.
  void remove();

 private:
  std::string path_;
  int file_ = -1;
};

// Sends a signal to the process that holds the file. Error: a sentence.
[[nodiscard]] std::expected<void, std::string> signal_owner(const std::string& path, int signal);

}  // namespace sluice::app
