#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/page.hpp"
#include "control/process_facts.hpp"
#include "control/reload.hpp"
#include "control/shard_view.hpp"
#include "metrics/identities.hpp"

namespace sluice::control {

// What the metrics are read from: what was in effect when the page was begun. Counters are read as the page goes on.
struct MetricsSource {
  std::vector<ShardView> shards;
  std::shared_ptr<const metrics::IdentityList> listeners;
  std::shared_ptr<const metrics::IdentityList> routes;
  std::shared_ptr<const metrics::IdentityList> upstreams;
  std::shared_ptr<const metrics::IdentityList> endpoints;
  ReloadStatus reload;
  ProcessFacts process;
  std::int64_t start_unix_ms = 0;
  bool is_draining = false;
};

enum class MetricType : std::uint8_t { counter, gauge, histogram };
[[nodiscard]] std::string_view to_string(MetricType type) noexcept;

// One line of the reference.
struct MetricReference {
  std::string_view name;
  MetricType type;
  std::string_view labels;  // "upstream, reason"; empty: none
  std::string_view help;
};
// Every metric there is, in the order of the page.
[[nodiscard]] std::vector<MetricReference> metric_reference();

inline constexpr std::string_view metrics_text = "text/plain; version=0.0.4; charset=utf-8";

// What: every metric in the text format of Prometheus, a few identities at a time. What several shards count for one
//       identity is added up.
class MetricsPage final : public Page {
 public:
  explicit MetricsPage(MetricsSource source) : source_(std::move(source)) {}
  [[nodiscard]] Progress next(std::string& out) override;

 private:
  MetricsSource source_;
  std::size_t metric_ = 0;
  std::size_t item_ = 0;  // of the metric's identities
};

}  // namespace sluice::control
