#pragma once

#include "metrics/counter.hpp"
#include "proxy/meters.hpp"

namespace sluice::proxy {

// What: what one shard has done so far.
// Shard: written by its own, read by any thread.
struct alignas(64) ShardCounters {
  metrics::Counter connections_accepted;
  metrics::Counter connections_open;
  metrics::Counter connections_shed;             // closed unserved: limits.max_connections
  metrics::Counter connections_shed_per_client;  // likewise: limits.max_connections_per_client
  metrics::Counter requests;                     // request heads, whole or refused
  metrics::Counter responses_2xx_3xx;
  metrics::Counter responses_4xx;
  metrics::Counter responses_5xx;
  metrics::Counter own_replies;  // made here, not upstream
  metrics::Counter client_gone;  // 499
  metrics::Counter upstream_connects;
  metrics::Counter upstream_reuses;
  metrics::Counter connect_failures;   // connections that could not be had
  metrics::Counter upstream_failures;  // exchanges that ended with an answer of ours because of the upstream
  metrics::Counter retries;
  metrics::Counter aborted_responses;     // broken off after they were committed
  metrics::Counter descriptor_shortages;  // accepting paused, or a connect failed, because there was none
  metrics::Counter watchdog_reports;      // turns that took too long; the overseer writes it
  metrics::Counter tunnels;               // connections that changed to another protocol
  metrics::Counter tunnels_open;          // of these
  metrics::Counter relays;                // connections of TCP listeners
  metrics::Counter relays_open;           // of these
  metrics::Counter log_lines;
  metrics::Counter log_lines_dropped;
  metrics::Counter snapshots_held;  // configurations that exchanges use, the current one included
  ReasonCounters reasons;           // exchanges by what the log gives as reason
  ShardMeters meters;
};

}  // namespace sluice::proxy
