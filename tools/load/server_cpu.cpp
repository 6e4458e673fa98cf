#include "server_cpu.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace sluice::load {
namespace {

// The threads of `process` that live now.
std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  std::error_code error;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/task", process), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec == std::errc()) threads.push_back(thread);
  }
  return threads;
}

}  // namespace

ServerCpu ServerCpu::read(pid_t process) {
  ServerCpu now;
  now.add(process);
  return now;
}

void ServerCpu::add(pid_t process) {
  for (const pid_t thread : threads_of(process)) {
    const std::string folder = fmt::format("/proc/{}/task/{}", process, thread);
    std::uint64_t spent = 0;
    if (std::ifstream(folder + "/schedstat") >> spent) used_[thread] = spent;
    std::ifstream children(folder + "/children");
    for (pid_t child = 0; children >> child;) add(child);
  }
}

std::optional<Duration> ServerCpu::since(const ServerCpu& earlier) const {
  if (earlier.used_.empty()) return std::nullopt;
  std::uint64_t spent = 0;
  for (const auto& [thread, now] : used_) {
    const auto before = earlier.used_.find(thread);
    spent += before == earlier.used_.end() ? now : now - before->second;
  }
  for (const auto& [thread, before] : earlier.used_) {
    if (!used_.contains(thread)) return std::nullopt;
  }
  return Duration(spent);
}

}  // namespace sluice::load
