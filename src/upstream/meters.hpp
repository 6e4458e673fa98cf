#pragma once

#include "metrics/counter.hpp"
#include "metrics/slot_array.hpp"

namespace sluice::upstream {

// What one shard counts for an endpoint.
struct EndpointCells {
  metrics::Counter requests;     // that it was picked for, repetitions included
  metrics::Counter failures;     // of those: no connection, or no whole response, and not because of us or the client
  metrics::Counter connections;  // open now
  metrics::Counter idle_connections;  // of those
};
using EndpointMeters = metrics::SlotArray<EndpointCells>;

}  // namespace sluice::upstream
