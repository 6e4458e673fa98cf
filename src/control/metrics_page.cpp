#include "control/metrics_page.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <span>
#include <tuple>

#include "metrics/histogram.hpp"
#include "net/pipe_pool.hpp"
#include "proxy/meters.hpp"
#include "proxy/reason.hpp"
#include "runtime/buffer_ring.hpp"
#include "runtime/loop.hpp"

namespace sluice::control {
namespace {

using metrics::IdentityList;

constexpr std::size_t piece_bytes = std::size_t{16} * 1024;
constexpr std::uint64_t ns_per_second = 1'000'000'000;

// What: where samples of one metric go.
class Samples {
 public:
  Samples(std::string& out, std::string_view name) : out_(out), name_(name) {}

  // labels: as they stand between the braces, or empty.
  void number(std::string_view labels, std::uint64_t value) {
    begin({}, labels);
    fmt::format_to(std::back_inserter(out_), "{}\n", value);
  }
  void seconds(std::string_view labels, std::uint64_t ns) {
    begin({}, labels);
    append_seconds(ns);
    out_ += '\n';
  }
  void histogram(std::string_view labels, std::span<const std::uint64_t> buckets, std::uint64_t sum_ns);

 private:
  void begin(std::string_view suffix, std::string_view labels) {
    out_.append(name_).append(suffix);
    if (!labels.empty()) out_.append("{").append(labels).append("}");
    out_ += ' ';
  }
  void append_seconds(std::uint64_t ns) {
    fmt::format_to(std::back_inserter(out_), "{}.{:09}", ns / ns_per_second, ns % ns_per_second);
  }
  std::string& out_;
  std::string_view name_;
};

// One metric: its description, how many items it has (identities, shards, or itself), and how one of them is written.
struct Metric {
  MetricReference reference;
  std::size_t (*count)(const MetricsSource&);
  void (*write)(const MetricsSource&, std::size_t item, Samples&);
};

void Samples::histogram(std::string_view labels, std::span<const std::uint64_t> buckets, std::uint64_t sum_ns) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    count += buckets[i];
    std::string bound = "+Inf";
    if (i < metrics::DurationHistogram::bounds.size()) {
      bound = fmt::format("{}", std::chrono::duration<double>(metrics::DurationHistogram::bounds[i]).count());
    }
    begin("_bucket", fmt::format("{},le=\"{}\"", labels, bound));
    fmt::format_to(std::back_inserter(out_), "{}\n", count);
  }
  begin("_sum", labels);
  append_seconds(sum_ns);
  out_ += '\n';
  begin("_count", labels);
  fmt::format_to(std::back_inserter(out_), "{}\n", count);
}

// --- Families: where a struct of counters is found, and by what labels. ---

template <class Cells>
struct Family;
template <>
struct Family<proxy::ListenerCells> {
  static constexpr std::string_view labels = "listener";
  static const IdentityList& identities(const MetricsSource& source) { return *source.listeners; }
  static const auto& array(const proxy::ShardMeters& meters) { return meters.listeners; }
};
template <>
struct Family<proxy::RouteCells> {
  static constexpr std::string_view labels = "route";
  static const IdentityList& identities(const MetricsSource& source) { return *source.routes; }
  static const auto& array(const proxy::ShardMeters& meters) { return meters.routes; }
};
template <>
struct Family<proxy::UpstreamCells> {
  static constexpr std::string_view labels = "upstream";
  static const IdentityList& identities(const MetricsSource& source) { return *source.upstreams; }
  static const auto& array(const proxy::ShardMeters& meters) { return meters.upstreams; }
};
template <>
struct Family<upstream::EndpointCells> {
  static constexpr std::string_view labels = "upstream, endpoint";
  static const IdentityList& identities(const MetricsSource& source) { return *source.endpoints; }
  static const auto& array(const proxy::ShardMeters& meters) { return meters.endpoints; }
};

template <class Cells>
std::size_t count_identities(const MetricsSource& source) {
  return Family<Cells>::identities(source).size();
}

// The sum of value(cells) over the shards.
template <class Cells, class Value>
std::uint64_t sum(const MetricsSource& source, metrics::Slot slot, Value value) {
  std::uint64_t total = 0;
  for (const ShardView& shard : source.shards) {
    const Cells* cells = Family<Cells>::array(shard.counters->meters).find(slot);
    if (cells != nullptr) total += value(*cells);
  }
  return total;
}

template <class M>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Class = C;
};
template <auto Member>
using ClassOf = typename MemberOf<decltype(Member)>::Class;

// A counter of a family.
template <auto Member>
constexpr Metric cell(std::string_view name, MetricType type, std::string_view help) {
  using Cells = ClassOf<Member>;
  auto write = [](const MetricsSource& source, std::size_t item, Samples& out) {
    const metrics::Identity& identity = Family<Cells>::identities(source)[item];
    out.number(identity.labels,
               sum<Cells>(source, identity.slot, [](const Cells& cells) { return (cells.*Member).value(); }));
  };
  return {{name, type, Family<Cells>::labels, help}, &count_identities<Cells>, write};
}

// The responses of a family by the class of their status.
template <auto Member>
constexpr Metric classes(std::string_view name, std::string_view labels, std::string_view help) {
  using Cells = ClassOf<Member>;
  auto write = [](const MetricsSource& source, std::size_t item, Samples& out) {
    const metrics::Identity& identity = Family<Cells>::identities(source)[item];
    for (std::size_t i = 0; i < std::tuple_size_v<proxy::StatusClasses>; ++i) {
      const std::uint64_t count =
          sum<Cells>(source, identity.slot, [i](const Cells& cells) { return (cells.*Member)[i].value(); });
      out.number(fmt::format("{},class=\"{}xx\"", identity.labels, i + 1), count);
    }
  };
  return {{name, MetricType::counter, labels, help}, &count_identities<Cells>, write};
}

void write_route_duration(const MetricsSource& source, std::size_t item, Samples& out) {
  const metrics::Identity& route = (*source.routes)[item];
  std::array<std::uint64_t, metrics::DurationHistogram::bounds.size() + 1> buckets{};
  std::uint64_t sum_ns = 0;
  for (const ShardView& shard : source.shards) {
    const proxy::RouteCells* cells = shard.counters->meters.routes.find(route.slot);
    if (cells == nullptr) continue;
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += cells->duration.buckets[i].value();
    sum_ns += cells->duration.sum_ns.value();
  }
  out.histogram(route.labels, buckets, sum_ns);
}

// Reasons that an upstream may fail for.
bool is_of_upstream(proxy::Reason reason) {
  return reason == proxy::Reason::exhausted || to_string(reason).starts_with("upstream_");
}

void write_upstream_failures(const MetricsSource& source, std::size_t item, Samples& out) {
  const metrics::Identity& upstream = (*source.upstreams)[item];
  for (std::size_t i = 0; i < proxy::reason_count; ++i) {
    const auto reason = static_cast<proxy::Reason>(i);
    if (!is_of_upstream(reason)) continue;
    const std::uint64_t count = sum<proxy::UpstreamCells>(
        source, upstream.slot, [i](const proxy::UpstreamCells& cells) { return cells.failures[i].value(); });
    out.number(fmt::format("{},reason=\"{}\"", upstream.labels, to_string(reason)), count);
  }
}

// --- Shards ---

std::size_t count_shards(const MetricsSource& source) { return source.shards.size(); }

std::string shard_label(const MetricsSource& source, std::size_t item) {
  return fmt::format("shard=\"{}\"", source.shards[item].index);
}

template <auto Member>
constexpr Metric shard(std::string_view name, MetricType type, std::string_view help) {
  auto write = [](const MetricsSource& source, std::size_t item, Samples& out) {
    out.number(shard_label(source, item), (source.shards[item].counters->*Member).value());
  };
  return {{name, type, "shard", help}, &count_shards, write};
}

// Of a shard that has ended, nothing is shown any more that its loop or pools count.
template <auto Member>
constexpr Metric loop(std::string_view name, std::string_view help) {
  auto write = [](const MetricsSource& source, std::size_t item, Samples& out) {
    const runtime::LoopCounters* counters = source.shards[item].loop;
    if (counters != nullptr) out.number(shard_label(source, item), (counters->*Member).load(std::memory_order_relaxed));
  };
  return {{name, MetricType::counter, "shard", help}, &count_shards, write};
}

void write_busy(const MetricsSource& source, std::size_t item, Samples& out) {
  const runtime::LoopCounters* counters = source.shards[item].loop;
  if (counters != nullptr) out.seconds(shard_label(source, item), counters->busy_ns.load(std::memory_order_relaxed));
}

void write_buffer_shortages(const MetricsSource& source, std::size_t item, Samples& out) {
  const runtime::BufferRing* buffers = source.shards[item].buffers;
  if (buffers != nullptr) out.number(shard_label(source, item), buffers->shortages());
}

void write_pipe_shortages(const MetricsSource& source, std::size_t item, Samples& out) {
  const net::PipePool* pipes = source.shards[item].pipes;
  if (pipes != nullptr) out.number(shard_label(source, item), pipes->shortages());
}

// --- The process ---

std::size_t count_one(const MetricsSource& /*source*/) { return 1; }

constexpr Metric process(std::string_view name, MetricType type, std::string_view help,
                         void (*write)(const MetricsSource&, std::size_t, Samples&), std::string_view labels = {}) {
  return {{name, type, labels, help}, &count_one, write};
}

std::uint64_t ms_to_ns(std::int64_t ms) { return ms > 0 ? static_cast<std::uint64_t>(ms) * 1'000'000 : 0; }

void write_build(const MetricsSource&, std::size_t, Samples& out) {
  out.number(fmt::format("version=\"{}\"", SLUICE_VERSION), 1);
}
void write_start(const MetricsSource& source, std::size_t, Samples& out) {
  out.seconds({}, ms_to_ns(source.start_unix_ms));
}
void write_cpu(const MetricsSource& source, std::size_t, Samples& out) {
  if (source.process.cpu) out.seconds({}, static_cast<std::uint64_t>(source.process.cpu->count()));
}
template <std::optional<std::uint64_t> ProcessFacts::* Member>
void write_fact(const MetricsSource& source, std::size_t, Samples& out) {
  if (source.process.*Member) out.number({}, *(source.process.*Member));
}
void write_draining(const MetricsSource& source, std::size_t, Samples& out) {
  out.number({}, source.is_draining ? 1 : 0);
}
void write_generation(const MetricsSource& source, std::size_t, Samples& out) {
  out.number({}, source.reload.generation);
}
void write_reloads(const MetricsSource& source, std::size_t, Samples& out) {
  out.number("result=\"taken\"", source.reload.taken);
  out.number("result=\"refused\"", source.reload.refused);
}
void write_last_result(const MetricsSource& source, std::size_t, Samples& out) {
  out.number({}, source.reload.last == ReloadResult::refused ? 0 : 1);
}
void write_taken_time(const MetricsSource& source, std::size_t, Samples& out) {
  out.seconds({}, ms_to_ns(source.reload.since_unix_ms));
}
void write_snapshots(const MetricsSource& source, std::size_t, Samples& out) {
  out.number({}, source.reload.snapshots_alive);
}
void write_reasons(const MetricsSource& source, std::size_t, Samples& out) {
  for (std::size_t i = 1; i < proxy::reason_count; ++i) {
    std::uint64_t count = 0;
    for (const ShardView& shard : source.shards) count += shard.counters->reasons[i].value();
    out.number(fmt::format("reason=\"{}\"", to_string(static_cast<proxy::Reason>(i))), count);
  }
}

using enum MetricType;
using proxy::ListenerCells;
using proxy::RouteCells;
using proxy::ShardCounters;
using proxy::UpstreamCells;
using upstream::EndpointCells;

constexpr auto all = std::to_array<Metric>({
    process("sluice_build_info", gauge, "Always 1, with the version as a label.", &write_build, "version"),
    process("sluice_process_start_time_seconds", gauge, "When the process started, since 1970.", &write_start),
    process("sluice_process_cpu_seconds_total", counter, "Processor time of all threads, in user and kernel mode.",
            &write_cpu),
    process("sluice_process_resident_memory_bytes", gauge, "Memory that is in use.",
            &write_fact<&ProcessFacts::resident_bytes>),
    process("sluice_process_open_fds", gauge, "Open descriptors.", &write_fact<&ProcessFacts::open_descriptors>),
    process("sluice_process_max_fds", gauge, "Descriptors that may be open.",
            &write_fact<&ProcessFacts::descriptors_max>),
    process("sluice_draining", gauge, "1 from the signal to drain on.", &write_draining),
    process("sluice_config_generation", gauge, "Configurations taken so far; 1: the one that the process started with.",
            &write_generation),
    process("sluice_config_reloads_total", counter, "Reloads, by whether the file was taken or refused.",
            &write_reloads, "result"),
    process("sluice_config_last_reload_successful", gauge, "0 if the last reload was refused.", &write_last_result),
    process("sluice_config_taken_timestamp_seconds", gauge, "When the configuration in use was taken, since 1970.",
            &write_taken_time),
    process("sluice_config_snapshots", gauge,
            "Configurations in memory: the one in use, and those that exchanges still need.", &write_snapshots),
    process("sluice_exchange_reasons_total", counter,
            "Exchanges that did not end with a whole response of an endpoint, by the reason in the log.",
            &write_reasons, "reason"),

    shard<&ShardCounters::connections_accepted>("sluice_shard_connections_accepted_total", counter,
                                                "Connections from clients."),
    shard<&ShardCounters::connections_shed>("sluice_shard_connections_shed_total", counter,
                                            "Connections closed unserved: there were too many."),
    shard<&ShardCounters::connections_shed_per_client>("sluice_shard_connections_shed_per_client_total", counter,
                                                       "Connections closed unserved: their client had too many."),
    shard<&ShardCounters::connections_open>("sluice_shard_connections", gauge, "Connections from clients, open now."),
    shard<&ShardCounters::requests>("sluice_shard_requests_total", counter, "Request heads, whole or refused."),
    shard<&ShardCounters::own_replies>("sluice_shard_own_replies_total", counter,
                                       "Responses that were made here and not by an endpoint."),
    shard<&ShardCounters::client_gone>("sluice_shard_client_gone_total", counter,
                                       "Exchanges whose client left or took nothing, logged as 499."),
    shard<&ShardCounters::aborted_responses>("sluice_shard_aborted_responses_total", counter,
                                             "Responses that were broken off after they had begun."),
    shard<&ShardCounters::tunnels>("sluice_shard_tunnels_total", counter,
                                   "Connections that changed to another protocol."),
    shard<&ShardCounters::tunnels_open>("sluice_shard_tunnels", gauge, "Tunnels, open now."),
    shard<&ShardCounters::relays>("sluice_shard_relays_total", counter, "Connections of TCP listeners."),
    shard<&ShardCounters::relays_open>("sluice_shard_relays", gauge, "Of these, the ones open now."),
    shard<&ShardCounters::log_lines>("sluice_shard_log_lines_total", counter, "Lines handed to the access log."),
    shard<&ShardCounters::log_lines_dropped>("sluice_shard_log_lines_dropped_total", counter,
                                             "Lines for which the log's buffer had no room."),
    shard<&ShardCounters::snapshots_held>("sluice_shard_snapshots_held", gauge,
                                          "Configurations that the shard uses; 1: none but the newest."),
    shard<&ShardCounters::descriptor_shortages>(
        "sluice_shard_descriptor_shortages_total", counter,
        "Times that accepting paused, or a connect failed, for want of a descriptor."),
    shard<&ShardCounters::watchdog_reports>("sluice_shard_watchdog_reports_total", counter,
                                            "Turns of the loop that took longer than `watchdog`."),
    loop<&runtime::LoopCounters::turns>("sluice_shard_turns_total", "Turns of the loop."),
    Metric{{"sluice_shard_busy_seconds_total", counter, "shard", "Time in which the loop did not wait."},
           &count_shards,
           &write_busy},
    loop<&runtime::LoopCounters::completions>("sluice_shard_completions_total", "Completions taken from the ring."),
    loop<&runtime::LoopCounters::submission_shortages>("sluice_shard_submission_shortages_total",
                                                       "Operations that found the submission queue full."),
    Metric{{"sluice_shard_buffer_shortages_total", counter, "shard", "Receives that found no receive buffer."},
           &count_shards,
           &write_buffer_shortages},
    Metric{{"sluice_shard_pipe_shortages_total", counter, "shard", "Bodies copied for want of a pipe."},
           &count_shards,
           &write_pipe_shortages},

    cell<&ListenerCells::accepted>("sluice_listener_connections_accepted_total", counter, "Connections from clients."),
    cell<&ListenerCells::shed>("sluice_listener_connections_shed_total", counter,
                               "Connections closed unserved: there were too many."),
    cell<&ListenerCells::open>("sluice_listener_connections", gauge, "Connections from clients, open now."),
    cell<&ListenerCells::requests>("sluice_listener_requests_total", counter, "Exchanges that have ended."),
    classes<&ListenerCells::responses>("sluice_listener_responses_total", "listener, class",
                                       "Exchanges that have ended, by the class of the status in the log."),
    cell<&ListenerCells::relays>("sluice_listener_relays_total", counter, "TCP connections that have ended."),
    cell<&ListenerCells::relay_received_bytes>("sluice_listener_relay_received_bytes_total", counter,
                                               "What went on from TCP clients to endpoints, counted at the end."),
    cell<&ListenerCells::relay_sent_bytes>("sluice_listener_relay_sent_bytes_total", counter,
                                           "What was sent to TCP clients, counted at the end."),

    cell<&RouteCells::requests>("sluice_route_requests_total", counter, "Requests that fitted the route."),
    classes<&RouteCells::responses>("sluice_route_responses_total", "route, class",
                                    "Exchanges that have ended, by the class of the status in the log."),
    cell<&RouteCells::request_bytes>("sluice_route_request_bytes_total", counter,
                                     "Payload of request bodies, counted when the exchange ends."),
    cell<&RouteCells::response_bytes>("sluice_route_response_bytes_total", counter,
                                      "What was sent to clients, heads included, counted when the exchange ends."),
    Metric{{"sluice_route_duration_seconds", histogram, "route", "Whole time of an exchange."},
           &count_identities<RouteCells>,
           &write_route_duration},

    cell<&UpstreamCells::requests>("sluice_upstream_requests_total", counter,
                                   "Requests, however often each was tried."),
    cell<&UpstreamCells::retries>("sluice_upstream_retries_total", counter, "Attempts beyond a request's first."),
    cell<&UpstreamCells::connects>("sluice_upstream_connects_total", counter, "Connections that were opened."),
    cell<&UpstreamCells::reuses>("sluice_upstream_reuses_total", counter, "Attempts on a kept connection."),
    cell<&UpstreamCells::connect_failures>("sluice_upstream_connect_failures_total", counter,
                                           "Connections that could not be had."),
    Metric{{"sluice_upstream_failures_total", counter, "upstream, reason",
            "Requests without a whole response, by the reason in the log."},
           &count_identities<UpstreamCells>,
           &write_upstream_failures},

    cell<&EndpointCells::requests>("sluice_endpoint_requests_total", counter, "Attempts for which it was picked."),
    cell<&EndpointCells::failures>("sluice_endpoint_failures_total", counter,
                                   "Attempts that it failed: no connection, or no whole response."),
    cell<&EndpointCells::connections>("sluice_endpoint_connections", gauge, "Connections, open now."),
    cell<&EndpointCells::idle_connections>("sluice_endpoint_connections_idle", gauge,
                                           "Of those, the ones that wait for a request."),
});

}  // namespace

std::string_view to_string(MetricType type) noexcept {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "?";
}

std::vector<MetricReference> metric_reference() {
  std::vector<MetricReference> references;
  references.reserve(all.size());
  for (const Metric& metric : all) references.push_back(metric.reference);
  return references;
}

Page::Progress MetricsPage::next(std::string& out) {
  const std::size_t begin = out.size();
  for (; metric_ < all.size(); ++metric_, item_ = 0) {
    if (out.size() - begin >= piece_bytes) return Progress::more;
    const Metric& metric = all[metric_];
    const auto& [name, type, labels, help] = metric.reference;
    const std::size_t count = metric.count(source_);
    if (item_ == 0 && count != 0) {
      fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, to_string(type));
    }
    Samples samples(out, name);
    while (item_ < count) {
      metric.write(source_, item_++, samples);
      if (item_ < count && out.size() - begin >= piece_bytes) return Progress::more;
    }
  }
  return Progress::last;
}

}  // namespace sluice::control
