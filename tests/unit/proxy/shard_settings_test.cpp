#include "proxy/shard_settings.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/document.hpp"
#include "proxy/configuration.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view rest = R"([[listener]]
name = "l"
address = "127.0.0.1:8080"
[upstream.u]
endpoints = ["127.0.0.1:9001"]
[[route]]
upstream = "u"
)";

std::string errors_of(std::string_view text) {
  auto configuration = parse_configuration("s.toml", std::string(text) + std::string(rest));
  return configuration ? std::string() : fmt::format("{}", fmt::join(configuration.error(), "\n"));
}

Configuration parsed(std::string_view text) {
  auto configuration = parse_configuration("s.toml", std::string(text) + std::string(rest));
  REQUIRE(configuration.has_value());
  return *configuration;
}

TEST_CASE("a block's keys come from itself, then [shard_defaults], then what is built in") {
  Configuration configuration = parsed(R"(
[shard_defaults]
ring_entries = 256
pipes = 7
watchdog = "off"
[[shard]]
[[shard]]
ring_entries = 512
completion_entries = 1024
batch_wait = "20us"
receive_buffers = 64
receive_buffer = "8KiB"
message_buffers = 100
splice_threshold = 0
pipes = 0
pipe_size = "64KiB"
watchdog = "2s"
max_connections = 77
)");
  const auto shards = configuration.resolved_shards({{0, 1}, std::nullopt});
  REQUIRE(shards.size() == 2);
  CHECK(shards[0].ring_entries == 256);
  CHECK(shards[0].completions() == 2048);
  CHECK(shards[0].batch_wait == Duration(0));
  CHECK(shards[0].receive_buffers == ShardSettings{}.receive_buffers);
  CHECK(shards[0].pipes == 7);
  CHECK(shards[0].watchdog.is_off());
  CHECK_FALSE(shards[0].max_connections.has_value());
  CHECK_FALSE(shards[0].cpu.has_value());
  CHECK(shards[1].ring_entries == 512);
  CHECK(shards[1].completions() == 1024);
  CHECK(shards[1].batch_wait == 20us);
  CHECK(shards[1].receive_buffers == 64);
  CHECK(shards[1].receive_buffer == 8192);
  CHECK(shards[1].message_buffers == 100);
  CHECK(shards[1].splice_threshold == 0);
  CHECK(shards[1].pipes == 0);
  CHECK(shards[1].pipe_size == 65536);
  CHECK(shards[1].watchdog.value == 2s);
  CHECK(shards[1].max_connections == 77);
}

TEST_CASE("completion queues stay within what the kernel allows") {
  ShardSettings shard;
  CHECK(shard.completions() == 32'768);
  shard.ring_entries = 32'768;
  CHECK(shard.completions() == 65'536);
  shard.ring_entries = 64;
  CHECK(shard.completions() == 512);
}

TEST_CASE("how many shards there are, and where they run") {
  struct Row {
    std::string_view text;
    runtime::CpuFacts host;
    std::string_view cpus;  // of each shard; -: not pinned
  };
  const int usable = runtime::usable_cpus().front();
  const std::string one = fmt::format("[[shard]]\ncpu = {}\n[[shard]]\n", usable);
  const std::string wanted = fmt::format("{} -", usable);
  const Row rows[] = {
      {"", {{0, 1}, std::nullopt}, "0 1"},
      {"", {{4, 6, 9}, std::nullopt}, "4 6 9"},
      {"", {{0, 1, 2, 3}, 2.0}, "- -"},
      {"", {{0, 1}, 1.5}, "0 1"},
      {"", {{3}, 0.2}, "3"},
      {"shards = 2\n", {{0, 1}, 1.0}, "0 1"},
      {"shards = 1\n", {{0, 1}, std::nullopt}, "-"},
      {"shards = 3\n", {{0, 1}, std::nullopt}, "- - -"},
      {"[[shard]]\n[[shard]]\n", {{0, 1}, std::nullopt}, "- -"},
      {one, {{0, 1, 2}, 1.0}, wanted},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::vector<std::string> cpus;
    for (const ShardSettings& shard : parsed(row.text).resolved_shards(row.host)) {
      cpus.push_back(shard.cpu ? fmt::to_string(*shard.cpu) : "-");
    }
    CHECK(fmt::format("{}", fmt::join(cpus, " ")) == row.cpus);
  }
}

TEST_CASE("mistakes in shards, each at its place") {
  const int cpu = runtime::usable_cpus().front();
  const std::string usable = runtime::cpu_list(runtime::usable_cpus());
  struct Row {
    std::string text;
    std::string error;
  };
  const Row rows[] = {
      {"shards = 2\n[[shard]]\n[[shard]]\n",
       "s.toml:2:1: the file has `shards` as well as [[shard]]: one of them says how many there are"},
      {fmt::format("[[shard]]\ncpu = {}\n[[shard]]\ncpu = {}\n", cpu, cpu),
       fmt::format("s.toml:4:7: duplicate `cpu` {}: it stands at s.toml:2:7 already", cpu)},
      {"[[shard]]\ncpu = 65000\n",
       fmt::format("s.toml:2:7: `cpu` must be one that this process may use, {}, not 65000", usable)},
      {"[[shard]]\ncpu = -1\n", "s.toml:2:7: `cpu` must be from 0 to 65535, not -1"},
      {"[[shard]]\ncpu = [0, 1]\n", "s.toml:2:7: `cpu` must be an integer, not an array"},
      {"[[shard]]\ncpus = 1\n", "s.toml:2:1: unknown key `cpus` in [[shard]]; did you mean `cpu`?"},
      {"[shard]\ncpu = 0\n", "s.toml:1:1: [[shard]] must have two pairs of brackets"},
      {"shard = []\n", "s.toml:1:9: [[shard]] must have from 1 to 1024 entries, not 0"},
      {"[[shard]]\nring_entries = 100\n",
       "s.toml:2:16: `ring_entries` must be a power of two from 64 to 32768, not 100"},
      {"[[shard]]\ncompletion_entries = 64\n",
       "s.toml:2:22: `completion_entries` must be a power of two from 128 to 65536, not 64"},
      {"[[shard]]\nring_entries = 512\ncompletion_entries = 256\n",
       "s.toml:3:22: `completion_entries` must be at least `ring_entries`, which is 512, not 256"},
      {"[shard_defaults]\ncompletion_entries = 256\n",
       "s.toml:2:22: `completion_entries` must be at least `ring_entries`, which is 4096, not 256"},
      {"[shard_defaults]\nring_entries = 64\ncompletion_entries = 128\n[[shard]]\nring_entries = 256\n",
       "s.toml:4:1: `completion_entries` must be at least `ring_entries`, which is 256, not 128"},
      // What a block says itself can be told whatever is wrong further out; what it takes from there cannot.
      {"[shard_defaults]\nring_entries = 100\n[[shard]]\nring_entries = 4096\ncompletion_entries = 128\n",
       "s.toml:2:16: `ring_entries` must be a power of two from 64 to 32768, not 100\n"
       "s.toml:5:22: `completion_entries` must be at least `ring_entries`, which is 4096, not 128"},
      {"[[shard]]\nring_entries = 4096\ncompletion_entries = 128\n[shard_defaults]\nrings = 1\n",
       "s.toml:3:22: `completion_entries` must be at least `ring_entries`, which is 4096, not 128\n"
       "s.toml:5:1: unknown key `rings` in [shard_defaults]"},
      {"[shard_defaults]\nring_entries = 100\n[[shard]]\ncompletion_entries = 128\n",
       "s.toml:2:16: `ring_entries` must be a power of two from 64 to 32768, not 100"},
      {"[shard_defaults]\nring_entries = 100\n[[shard]]\nring_entries = 100\ncompletion_entries = 128\n",
       "s.toml:2:16: `ring_entries` must be a power of two from 64 to 32768, not 100\n"
       "s.toml:4:16: `ring_entries` must be a power of two from 64 to 32768, not 100"},
      {"[[shard]]\nbatch_wait = \"11ms\"\n", "s.toml:2:14: `batch_wait` must be from 0s to 10ms, not \"11ms\""},
      {"[[shard]]\nmax_connections = 0\n", "s.toml:2:19: `max_connections` must be from 1 to 10000000, not 0"},
      {"[[shard]]\nwatchdog = \"5ms\"\n",
       "s.toml:2:12: `watchdog` must be a duration from 10ms to 1h, or \"off\", not \"5ms\""},
      {"[[shard]]\nwatchdog = \"no\"\n",
       "s.toml:2:12: `watchdog` must be a duration from 10ms to 1h, or \"off\", not \"no\""},
      {"[[shard]]\nwatchdog = false\n", "s.toml:2:12: `watchdog` must be a string, not false"},
      {"[shard_defaults]\ncpu = 0\n", "s.toml:2:1: unknown key `cpu` in [shard_defaults]"},
      {"[shard_defaults]\nmax_connections = 5\n", "s.toml:2:1: unknown key `max_connections` in [shard_defaults]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(errors_of(row.text) == row.error);
  }
  CHECK(errors_of(fmt::format("[[shard]]\ncpu = {}\nwatchdog = \"10ms\"\n", cpu)) == "");
}

TEST_CASE("turn bounds are shown as they are written") {
  CHECK(to_string(TurnBound{}) == "500ms");
  CHECK(to_string(TurnBound{Duration(0)}) == "off");
  CHECK(to_string(TurnBound{1h}) == "1h");
}

}  // namespace
}  // namespace sluice::proxy
