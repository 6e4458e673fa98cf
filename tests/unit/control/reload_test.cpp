#include "control/reload.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/configuration.hpp"
#include "proxy/shard.hpp"

namespace sluice::control {
namespace {

constexpr std::string_view least = R"(
[[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.a]
endpoints = ["127.0.0.1:9001"]
[[route]]
upstream = "a"
)";

proxy::Configuration parse(const std::string& text) {
  auto configuration = proxy::parse_configuration("test.toml", text);
  REQUIRE(configuration.has_value());
  return *configuration;
}

TEST_CASE("of every key it is decided what a reload does with it") {
  for (const auto& key : proxy::configuration_keys) {
    CAPTURE(key.name);
    CHECK(std::ranges::count(key_changes(), key.name, &KeyChange::key) == 1);
  }
  CHECK(key_changes().size() == proxy::configuration_keys.size());
}

TEST_CASE("what a reload refuses") {
  struct Row {
    std::string_view what;
    std::string before, after;
    std::string_view reason;  // its beginning; empty: it is taken
  };
  const std::string text(least);
  const std::string head = "[limits]\nhead_bytes = \"32KiB\"\n";
  const Row rows[] = {
      {"the same", text, text, ""},
      {"other shards", "shards = 1\n" + text, "shards = 2\n" + text, "test.toml:1:10: `shards` has changed"},
      {"as many shards as CPUs, and said so", text, "shards = 2\n" + text, "test.toml:1:10: `shards` has changed"},
      {"no shards", "shards = 2\n" + text, text, "test.toml: `shards` has changed"},
      {"another user", "user = \"a\"\n" + text, "\nuser = \"b\"\n" + text, "test.toml:2:8: `user` has changed"},
      {"another group", "user = \"a\"\ngroup = \"a\"\n" + text, "user = \"a\"\ngroup = \"b\"\n" + text,
       "test.toml:2:9: `group` has changed"},
      {"another pid file", "pid_file = \"a\"\n" + text, "pid_file = \"b\"\n" + text,
       "test.toml:1:12: `pid_file` has changed"},
      {"an admin socket", text, text + "[admin]\nsocket = \"a\"\n", "test.toml:10:10: `admin.socket` has changed"},
      {"another mode of it", text + "[admin]\nmode = \"0660\"\n", text + "[admin]\n",
       "test.toml:9:1: `admin.mode` has changed"},
      {"no admin socket", text + "[admin]\nsocket = \"a\"\n", text, "test.toml: `admin.socket` has changed"},
      {"a key of a shard", text + "[[shard]]\n[[shard]]\npipes = 1\n", text + "[[shard]]\n[[shard]]\npipes = 2\n",
       "test.toml:11:9: `shard.pipes` has changed"},
      {"a shard more", text + "[[shard]]\n", text + "[[shard]]\n[[shard]]\n", "test.toml:9:1: `shard` has changed"},
      {"blocks elsewhere", text + "[[shard]]\npipes = 1\n", text + "\n[[shard]]\npipes = 1\n", ""},
      {"a buffer", text, text + "[shard_defaults]\nreceive_buffers = 64\n",
       "test.toml:10:19: `shard_defaults.receive_buffers` has changed"},
      {"pipes", text + "[shard_defaults]\npipes = 1\n", text + "[shard_defaults]\npipes = 2\n",
       "test.toml:10:9: `shard_defaults.pipes` has changed"},
      {"a larger head", text + head, text + "[limits]\nhead_bytes = \"33KiB\"\n",
       "test.toml:10:14: `limits.head_bytes` is larger than what"},
      {"a smaller head", text + head, text + "[limits]\nhead_bytes = \"8KiB\"\n", ""},
      {"a default that is written out", text, text + "[shard_defaults]\npipes = 32\n", ""},
      {"limits", text, text + "[limits]\nmax_requests = 5\n", ""},
      {"timeouts", text, text + "[timeouts]\nidle = \"1s\"\n", ""},
      {"the log", text, text + "[log]\naccess = \"/tmp/x\"\n", ""},
      {"an upstream", text, text + "[upstream.b]\nendpoints = [\"127.0.0.1:1\"]\n", ""},
      {"a route", text, text + "[[route]]\nhost = \"x\"\nupstream = \"a\"\n", ""},
      {"a listener", text, text + "[[listener]]\nname = \"x\"\naddress = \"127.0.0.1:1\"\n", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const proxy::Configuration before = parse(row.before);
    const std::vector<std::string> reasons =
        restart_reasons(before, parse(row.after), proxy::Shard::block_bytes(before.limits));
    if (row.reason.empty()) {
      CHECK(reasons.empty());
    } else {
      REQUIRE(reasons.size() == 1);
      CHECK(reasons.front().starts_with(row.reason));
      CHECK(reasons.front().contains("restart"));
    }
  }
  const proxy::Configuration before = parse(text);
  // In the order of the file, whichever that is.
  const std::vector<std::string> reasons = restart_reasons(
      before,
      parse("shards = 9\nuser = \"a\"\n[limits]\nhead_bytes = \"64KiB\"\n[shard_defaults]\npipes = 1\n" + text +
            "[admin]\nsocket = \"a\"\n"),
      proxy::Shard::block_bytes(before.limits));
  REQUIRE(reasons.size() == 5);
  CHECK(reasons[0].starts_with("test.toml:1:10: `shards`"));
  CHECK(reasons[1].starts_with("test.toml:2:8: `user`"));
  CHECK(reasons[2].starts_with("test.toml:4:14: `limits.head_bytes`"));
  CHECK(reasons[3].starts_with("test.toml:6:9: `shard_defaults.pipes`"));
  CHECK(reasons[4].starts_with("test.toml:16:10: `admin.socket`"));
}

TEST_CASE("a head that the blocks were made for can come back") {
  const proxy::Configuration large = parse(std::string(least) + "[limits]\nhead_bytes = \"64KiB\"\n");
  const proxy::Configuration small = parse(std::string(least) + "[limits]\nhead_bytes = \"8KiB\"\n");
  const std::size_t made = proxy::Shard::block_bytes(large.limits);
  CHECK(restart_reasons(large, small, made).empty());
  CHECK(restart_reasons(small, large, made).empty());
  CHECK(proxy::Shard::head_bytes_in(made) >= large.limits.head_bytes);
}

TEST_CASE("upstreams that come, go, change and stay") {
  auto one = [](std::string name, std::uint32_t weight) {
    upstream::UpstreamSettings settings;
    settings.name.value = std::move(name);
    settings.endpoints.emplace_back().weight = weight;
    return settings;
  };
  const std::vector before = {one("a", 1), one("b", 1), one("c", 1)};
  const UpstreamDiff diff = diff_upstreams(before, std::vector{one("c", 1), one("b", 2), one("d", 1), one("e", 1)});
  CHECK(diff.added == 2);
  CHECK(diff.removed == 1);
  CHECK(diff.changed == 1);
  CHECK(diff.kept == 1);
  CHECK(diff_upstreams(before, before).kept == 3);
  CHECK(diff_upstreams(before, {}).removed == 3);
}

TEST_CASE("every value has a word") {
  CHECK(to_string(Change::taken) == "taken");
  CHECK(to_string(Change::needs_a_restart) == "needs_a_restart");
  CHECK(to_string(ReloadResult::none) == "none");
  CHECK(to_string(ReloadResult::taken) == "taken");
  CHECK(to_string(ReloadResult::refused) == "refused");
}

}  // namespace
}  // namespace sluice::control
