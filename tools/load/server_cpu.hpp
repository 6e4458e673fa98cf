#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.hpp"

namespace sluice::load {

// CPU time of each thread of a process and of its descendants, by thread id. Reads /proc: may block.
class ServerCpu {
 public:
  // What is there now; empty when there is no such process.
  [[nodiscard]] static ServerCpu read(pid_t process);

  // What was used since `earlier`; nothing when there was nothing then, or when a thread has ended meanwhile, because
  // its share is not known then.
  [[nodiscard]] std::optional<Duration> since(const ServerCpu& earlier) const;

 private:
  void add(pid_t process);

  std::map<pid_t, std::uint64_t> used_;  // nanoseconds
};

}  // namespace sluice::load
