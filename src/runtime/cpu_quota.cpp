#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/topology.hpp"

namespace sluice::runtime {

namespace {

// Where a hierarchy of control groups is mounted, and which of its groups is shown there as the root.
struct Mount {
  bool is_v2 = false;
  std::string group;  // "/", or "/docker/4f2a..." where a container sees only its own part
  std::string point;
};

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// In mountinfo, blanks and backslashes in paths are written as octal escapes (proc_pid_mountinfo(5)).
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string octal(text.substr(i, 4));
    const bool is_escape = octal.size() == 4 && octal[0] == '\\' &&
                           std::all_of(octal.begin() + 1, octal.end(), [](char c) { return c >= '0' && c <= '7'; });
    plain += is_escape ? static_cast<char>(std::strtol(octal.c_str() + 1, nullptr, 8)) : text[i];
    if (is_escape) i += 3;
  }
  return plain;
}

std::vector<Mount> read_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // "36 35 98:0 /group /point options [more] - cgroup2 source options"
    std::istringstream words(line);
    std::string skipped, group, point, word, type, source, options;
    words >> skipped >> skipped >> skipped >> group >> point;
    while (words >> word && word != "-") continue;
    words >> type >> source >> options;
    const bool is_v2 = type == "cgroup2";
    if (is_v2 || (type == "cgroup" && has_word(options, "cpu"))) {
      mounts.push_back({is_v2, unescaped(group), unescaped(point)});
    }
  }
  return mounts;
}

// The group of this process in the hierarchy: a line "0::/path", or "4:cpu,cpuacct:/path".
std::string read_group(const std::string& root, bool is_v2) {
  std::ifstream file(root + "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : has_word(controllers, "cpu")) return line.substr(second + 1);
  }
  return {};
}

// Quota over period: "50000 100000" in one file, or a number in each of two. "max" and -1: no limit.
std::optional<double> read_limit(const std::string& folder, bool is_v2) {
  double quota = 0;
  double period = 0;
  if (is_v2) {
    std::ifstream file(folder + "/cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
    std::ifstream period_file(folder + "/cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> lesser(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> least;
  for (const Mount& mount : read_mounts(root)) {
    std::string group = read_group(root, mount.is_v2);
    // What is above the group that is mounted cannot be seen from here.
    if (mount.group != "/" && group.starts_with(mount.group)) group.erase(0, mount.group.size());
    if (group.contains("..")) group.clear();
    while (group.ends_with('/')) group.pop_back();
    const std::string top = root + mount.point.substr(1);
    for (;;) {
      least = lesser(least, read_limit(top + group, mount.is_v2));
      const std::size_t slash = group.rfind('/');
      if (slash == std::string::npos) break;
      group.resize(slash);
    }
  }
  return least;
}

}  // namespace sluice::runtime
