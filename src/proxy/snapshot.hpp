#pragma once

#include "http/parser.hpp"
#include "proxy/settings.hpp"
#include "route/table.hpp"
#include "runtime/snapshot.hpp"

namespace sluice::proxy {

// What: what the data plane needs of a configuration while it decides about a request; immutable, swapped by RCU. What
// must
//       outlive a reload (pools, counters, listeners) is not in here.
struct Snapshot {
  route::Table routes;
  LimitSettings limits;
  TimeoutSettings timeouts;
  http::HeadLimits head_limits;
  LogLayout log;
  bool merge_slashes = true;
  std::uint32_t max_connections = 0;  // for each shard
};

using SnapshotPublisher = runtime::SnapshotPublisher<Snapshot>;
using SnapshotReader = runtime::SnapshotReader<Snapshot>;

}  // namespace sluice::proxy
