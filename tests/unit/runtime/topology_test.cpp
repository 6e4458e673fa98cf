#include "runtime/topology.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::runtime {
namespace {

namespace fs = std::filesystem;

TEST_CASE("lists of CPUs") {
  struct Row {
    std::vector<int> cpus;
    std::string_view text;
  };
  const Row rows[] = {
      {{}, ""},
      {{0}, "0"},
      {{0, 1}, "0-1"},
      {{0, 2}, "0,2"},
      {{3, 4, 5}, "3-5"},
      {{0, 1, 4}, "0-1,4"},
      {{0, 2, 3, 7, 8, 9}, "0,2-3,7-9"},
      {{1023, 1024}, "1023-1024"},
  };
  for (const Row& row : rows) CHECK(cpu_list(row.cpus) == row.text);
}

TEST_CASE("how many shards a host is good for") {
  struct Row {
    std::size_t usable;
    std::optional<double> quota;
    unsigned shards;
  };
  const Row rows[] = {
      {1, std::nullopt, 1}, {8, std::nullopt, 8}, {8, 8.0, 8},   {8, 2.0, 2}, {8, 2.01, 3}, {8, 1.5, 2},
      {8, 0.5, 1},          {8, 0.001, 1},        {8, 100.0, 8}, {1, 0.1, 1}, {2, 1.0, 1},  {2, 2.5, 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.usable);
    const CpuFacts facts{std::vector<int>(row.usable), row.quota};
    CHECK(facts.standard_shards() == row.shards);
  }
  CHECK(CpuFacts{{0, 1, 2, 5}, std::nullopt}.describe() == "4 usable CPUs (0-2,5)");
  CHECK(CpuFacts{{3}, 0.5}.describe() == "1 usable CPU (3), a control group allows the time of 0.50");
}

TEST_CASE("the CPUs of this thread, and being pinned to one of them") {
  const std::vector<int> all = usable_cpus();
  REQUIRE_FALSE(all.empty());
  std::thread pinned([&] {
    CHECK(pin_this_thread(all.back()));
    CHECK(usable_cpus() == std::vector<int>{all.back()});
    CHECK_FALSE(pin_this_thread(60'000));
  });
  pinned.join();
  CHECK(usable_cpus() == all);
}

// What: a root folder with the files that the quota is read from.
class Host {
 public:
  Host() {
    std::string text = (fs::temp_directory_path() / "sluice-XXXXXX").string();
    REQUIRE(::mkdtemp(text.data()) != nullptr);
    root_ = text + "/";
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { fs::remove_all(root_); }
  void write(const std::string& name, std::string_view text) const {
    fs::create_directories(fs::path(root_ + name).parent_path());
    std::ofstream(root_ + name) << text;
  }
  [[nodiscard]] std::optional<double> quota() const { return cpu_quota(root_); }

 private:
  std::string root_;
};

constexpr std::string_view v2_mount =
    "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr std::string_view v1_mount =
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

TEST_CASE("the quota of control groups: the least of the whole ancestry") {
  struct Row {
    std::string_view what;
    std::string_view mounts;
    std::string_view groups;
    std::vector<std::pair<std::string, std::string>> files;
    std::optional<double> quota;
  };
  const std::string v2 = "sys/fs/cgroup/";
  const std::string v1 = "sys/fs/cgroup/cpu,cpuacct/";
  const Row rows[] = {
      {"nothing mounted", "", "0::/\n", {}, std::nullopt},
      {"v2 without a file", v2_mount, "0::/a/b\n", {}, std::nullopt},
      {"v2 without a limit", v2_mount, "0::/a\n", {{v2 + "a/cpu.max", "max 100000\n"}}, std::nullopt},
      {"v2", v2_mount, "0::/a\n", {{v2 + "a/cpu.max", "150000 100000\n"}}, 1.5},
      {"v2, the root of a container", v2_mount, "0::/\n", {{v2 + "cpu.max", "50000 100000\n"}}, 0.5},
      {"v2, a parent's",
       v2_mount,
       "0::/a/b/c\n",
       {{v2 + "a/cpu.max", "200000 100000\n"},
        {v2 + "a/b/cpu.max", "max 100000\n"},
        {v2 + "a/b/c/cpu.max", "400000 100000\n"}},
       2.0},
      {"v2, its own is the least",
       v2_mount,
       "0::/a/b\n",
       {{v2 + "a/cpu.max", "200000 100000\n"}, {v2 + "a/b/cpu.max", "10000 100000\n"}},
       0.1},
      {"v2, another group's is not ours", v2_mount, "0::/a\n", {{v2 + "b/cpu.max", "10000 100000\n"}}, std::nullopt},
      {"v2, only a part is mounted",
       "35 24 0:30 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
       "0::/docker/x/y\n",
       {{v2 + "y/cpu.max", "300000 100000\n"}, {v2 + "cpu.max", "100000 100000\n"}},
       1.0},
      {"v2, outside of the own namespace", v2_mount, "0::/../../x\n", {{v2 + "cpu.max", "100000 100000\n"}}, 1.0},
      {"v2, a blank in the path of the mount",
       "35 24 0:30 / /sys/fs/my\\040groups rw - cgroup2 cgroup2 rw\n",
       "0::/a\n",
       {{"sys/fs/my groups/a/cpu.max", "100000 100000\n"}},
       1.0},
      {"v2, malformed", v2_mount, "0::/a\n", {{v2 + "a/cpu.max", "lots\n"}}, std::nullopt},
      {"v2, a period of zero", v2_mount, "0::/a\n", {{v2 + "a/cpu.max", "100000 0\n"}}, std::nullopt},
      {"v1",
       v1_mount,
       "5:cpu,cpuacct:/a\n3:memory:/m\n",
       {{v1 + "a/cpu.cfs_quota_us", "250000\n"}, {v1 + "a/cpu.cfs_period_us", "100000\n"}},
       2.5},
      {"v1 without a limit",
       v1_mount,
       "5:cpu,cpuacct:/a\n",
       {{v1 + "a/cpu.cfs_quota_us", "-1\n"}, {v1 + "a/cpu.cfs_period_us", "100000\n"}},
       std::nullopt},
      {"v1, a parent's",
       v1_mount,
       "5:cpu,cpuacct:/a/b\n",
       {{v1 + "a/cpu.cfs_quota_us", "100000\n"}, {v1 + "a/cpu.cfs_period_us", "50000\n"}},
       2.0},
      {"v1 does not mistake cpuset for cpu",
       "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
       "5:cpuset:/a\n",
       {{"sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "1000\n"}, {"sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "1000\n"}},
       std::nullopt},
      {"v1 beside v2: the lesser",
       "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
       "35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
       "5:cpu:/a\n0::/b\n",
       {{"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000\n"},
        {"sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/unified/b/cpu.max", "200000 100000\n"}},
       2.0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Host host;
    host.write("proc/self/mountinfo", std::string("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n") + std::string(row.mounts));
    host.write("proc/self/cgroup", row.groups);
    for (const auto& [name, text] : row.files) host.write(name, text);
    CHECK(host.quota() == row.quota);
  }
  CHECK_FALSE(cpu_quota("/nonexistent/").has_value());
}

}  // namespace
}  // namespace sluice::runtime
