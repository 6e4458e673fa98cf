#include "control/admin_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ascii.hpp"
#include "control/census_pages.hpp"
#include "control/metrics_page.hpp"
#include "control/process_facts.hpp"
#include "control/server.hpp"
#include "runtime/kernel.hpp"

namespace sluice::control {
namespace {

constexpr std::size_t connections_shown_standard = 1000;
constexpr std::size_t connections_shown_max = 10'000;

constexpr std::string_view index_text =
    "/livez        200 while the process runs\n"
    "/readyz       200, or 503 while it drains\n"
    "/metrics      what was counted, for Prometheus\n"
    "/connections  the oldest connections from clients and what each is doing; ?limit=N, 1000 unless given\n"
    "/config       the configuration in use, with what was left out filled in\n"
    "/snapshots    the configurations in memory, and which shards still use them\n"
    "/memory       what each shard needs memory for\n";

// "?limit=20", or nothing.
std::optional<std::size_t> limit_of(std::string_view query) {
  constexpr std::string_view key = "?limit=";
  if (query.empty() || query == "?") return connections_shown_standard;
  if (!query.starts_with(key)) return std::nullopt;
  const auto limit = ascii::parse_decimal(query.substr(key.size()));
  if (!limit || *limit > connections_shown_max) return std::nullopt;
  return static_cast<std::size_t>(*limit);
}

}  // namespace

AdminPages::AdminPages(Server& server)
    : server_(server), inquiries_(server), start_unix_ms_(runtime::kernel::wall_clock_ms()) {}

Answer AdminPages::answer(std::string_view path, std::string_view query) {
  if (path == "/connections") return connections(query);
  if (!query.empty()) return text_answer(400, "this page takes no query\n");
  if (path == "/metrics") return metrics();
  if (path == "/livez") return text_answer(200, "alive\n");
  if (path == "/readyz") {
    return server_.is_draining() ? text_answer(503, "draining\n") : text_answer(200, "ready\n");
  }
  if (path == "/config") {
    const proxy::Configuration& configuration = server_.configuration();
    Answer answer = text_answer(200, proxy::dump_configuration(configuration, configuration.effective()));
    answer.content_type = toml_text;
    return answer;
  }
  if (path == "/snapshots") {
    auto inquiry = inquiries_.begin(0, runtime::kernel::now());
    if (!inquiry) return text_answer(503, "too many inquiries at once\n");
    auto page = std::make_unique<SnapshotsPage>(std::move(inquiry), server_.snapshot_generations());
    return {.content_type = json_text, .page = std::move(page)};
  }
  if (path == "/memory") {
    auto inquiry = inquiries_.begin(0, runtime::kernel::now());
    if (!inquiry) return text_answer(503, "too many inquiries at once\n");
    auto page = std::make_unique<MemoryPage>(std::move(inquiry), read_process_facts().resident_bytes);
    return {.content_type = json_text, .page = std::move(page)};
  }
  if (path == "/") return text_answer(200, std::string(index_text));
  return text_answer(404, "there is no such page; / lists those that there are\n");
}

Answer AdminPages::metrics() const {
  const MeterDirectory& meters = server_.meters();
  MetricsSource source{.shards = server_.shard_views(),
                       .listeners = meters.listeners().in_effect(),
                       .routes = meters.routes().in_effect(),
                       .upstreams = meters.upstreams().in_effect(),
                       .endpoints = meters.endpoints().in_effect(),
                       .reload = server_.reload_status(),
                       .process = read_process_facts(),
                       .start_unix_ms = start_unix_ms_,
                       .is_draining = server_.is_draining()};
  return {.content_type = metrics_text, .page = std::make_unique<MetricsPage>(std::move(source))};
}

Answer AdminPages::connections(std::string_view query) {
  const std::optional<std::size_t> limit = limit_of(query);
  if (!limit) {
    return text_answer(400, fmt::format("the query is ?limit=N with N from 0 to {}\n", connections_shown_max));
  }
  auto inquiry = inquiries_.begin(*limit, runtime::kernel::now());
  if (!inquiry) return text_answer(503, "too many inquiries at once\n");
  return {.content_type = json_text, .page = std::make_unique<ConnectionsPage>(std::move(inquiry), *limit)};
}

}  // namespace sluice::control
