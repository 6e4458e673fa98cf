#pragma once

#include <cstdint>
#include <memory>

#include "http/field_edits.hpp"
#include "http/parser.hpp"
#include "proxy/forwarding_settings.hpp"
#include "proxy/settings.hpp"
#include "route/table.hpp"
#include "runtime/snapshot.hpp"
#include "upstream/upstream_set.hpp"

namespace sluice::proxy {

// What: the plain values of a snapshot: small, copied freely. An exchange that goes on for long keeps a copy and lets
//       go of the rest (Remnant), so whatever it still needs behind the response head is here or in its route.
struct Terms {
  LimitSettings limits;
  TimeoutSettings timeouts;
  http::HeadLimits head_limits;
  LogLayout log;
  bool merge_slashes = true;
  std::uint32_t max_connections = 0;  // for each shard
};

// What: what the data plane needs of a configuration while it decides about a request; immutable, swapped by RCU. What
//       must outlive a reload (pools, counters, listeners) is not in here.
struct Snapshot : Terms {
  route::Table routes;
  ForwardingRules forwarding;
  http::FieldEdits response_edits;  // of answers before there is a route
  // Shared by snapshots; copied and destroyed on the control thread alone.
  std::shared_ptr<const upstream::UpstreamList> upstreams;
};

using SnapshotPublisher = runtime::SnapshotPublisher<Snapshot>;
using SnapshotReader = runtime::SnapshotReader<Snapshot>;

}  // namespace sluice::proxy
