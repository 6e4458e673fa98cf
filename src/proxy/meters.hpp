#pragma once

#include <array>
#include <cstddef>

#include "metrics/counter.hpp"
#include "metrics/histogram.hpp"
#include "metrics/slot_array.hpp"
#include "proxy/reason.hpp"
#include "upstream/meters.hpp"

namespace sluice::proxy {

// Responses by the first digit of their status, from 1 to 5.
using StatusClasses = std::array<metrics::Counter, 5>;
[[nodiscard]] inline metrics::Counter& class_of(StatusClasses& classes, int status) {
  return classes[static_cast<std::size_t>(status < 100 ? 4 : status > 599 ? 4 : status / 100 - 1)];
}

using ReasonCounters = std::array<metrics::Counter, reason_count>;

struct ListenerCells {
  metrics::Counter accepted;
  metrics::Counter shed;  // closed unserved
  metrics::Counter open;  // now
  metrics::Counter requests;
  StatusClasses responses;
  metrics::Counter relays;                // TCP connections that have ended
  metrics::Counter relay_received_bytes;  // that went on to endpoints
  metrics::Counter relay_sent_bytes;      // to clients
};

struct RouteCells {
  metrics::Counter requests;
  StatusClasses responses;
  metrics::Counter request_bytes;   // of bodies
  metrics::Counter response_bytes;  // heads and framing included
  metrics::DurationHistogram duration;
};

struct UpstreamCells {
  metrics::Counter requests;
  metrics::Counter retries;
  metrics::Counter connects;
  metrics::Counter reuses;
  metrics::Counter connect_failures;
  ReasonCounters failures;  // requests that it did not answer, by upstream_* reason
};

// What: what one shard counts for what the configuration names.
// Shard: written by its own, read by any thread.
struct ShardMeters {
  metrics::SlotArray<ListenerCells> listeners;
  metrics::SlotArray<RouteCells> routes;
  metrics::SlotArray<UpstreamCells> upstreams;
  upstream::EndpointMeters endpoints;
};

}  // namespace sluice::proxy
