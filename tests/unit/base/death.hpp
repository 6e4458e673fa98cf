#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <string>

namespace sluice::test {

// How a forked child that runs `action` ends, for mistakes that must not be survived.
struct Death {
  bool died = false;   // it did not get to its end
  std::string report;  // what it wrote to its standard error
};

// action: makes everything that it needs itself; no other thread may be running.
template <class Action>
[[nodiscard]] Death death_of(Action&& action) {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    // The test runner's handlers would report the death as its own.
    for (int number : {SIGABRT, SIGSEGV, SIGILL, SIGTERM}) std::signal(number, SIG_DFL);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    action();
    ::_exit(0);
  }
  ::close(ends[1]);
  Death death;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    death.report.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  const bool is_joined = child > 0 && ::waitpid(child, &status, 0) == child;
  death.died = is_joined && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return death;
}

}  // namespace sluice::test
