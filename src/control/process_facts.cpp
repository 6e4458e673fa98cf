#include "control/process_facts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/ascii.hpp"

namespace sluice::control {
namespace {

std::string read_small(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(4096, '\0');
  const ssize_t count = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

// The word at `index`, or nothing.
std::optional<std::uint64_t> number_at(std::string_view text, int index) {
  for (; index > 0; --index) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    text.remove_prefix(space + 1);
  }
  return ascii::parse_decimal(text.substr(0, text.find_first_of(" \n")));
}

Duration duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::optional<std::uint64_t> open_descriptors() {
  constexpr const char* folder = "/proc/self/fd";
  // From kernel 6.2 on the size of the folder is the count.
  struct stat file{};
  if (::stat(folder, &file) == 0 && file.st_size > 0) return static_cast<std::uint64_t>(file.st_size);
  DIR* entries = ::opendir(folder);
  if (entries == nullptr) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(entries)) count += entry->d_name[0] != '.' ? 1U : 0U;
  ::closedir(entries);
  return count - 1;  // the folder's own
}

}  // namespace

ProcessFacts read_process_facts() {
  ProcessFacts facts;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) facts.cpu = duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
  if (auto pages = number_at(read_small("/proc/self/statm"), 1)) {
    facts.resident_bytes = *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  facts.open_descriptors = open_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.descriptors_max = limit.rlim_cur;
  return facts;
}

}  // namespace sluice::control
