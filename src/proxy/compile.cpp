#include "proxy/compile.hpp"

namespace sluice::proxy {
namespace {

std::shared_ptr<const upstream::UpstreamList> compile_upstreams(const Configuration& configuration,
                                                                const Snapshot* previous) {
  if (previous != nullptr && previous->upstreams->upstreams == configuration.upstreams) return previous->upstreams;
  auto list = std::make_shared<upstream::UpstreamList>();
  list->version = previous == nullptr ? 1 : previous->upstreams->version + 1;
  list->upstreams = configuration.upstreams;
  return list;
}

}  // namespace

std::unique_ptr<Snapshot> compile(const Configuration& configuration, const HostValues& host,
                                  const Snapshot* previous) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->limits = configuration.limits;
  snapshot->timeouts = configuration.timeouts;
  snapshot->head_limits = {.bytes_max = configuration.limits.head_bytes,
                           .fields_max = configuration.limits.head_fields,
                           .target_bytes_max = configuration.limits.target_bytes};
  snapshot->max_connections = configuration.limits.max_connections.value_or(host.max_connections);
  snapshot->routes = configuration.route_table(host.shards);
  snapshot->forwarding = ForwardingRules(configuration.forwarding);
  snapshot->response_edits = configuration.edits(route::Direction::response, nullptr);
  snapshot->log = configuration.log.layout();
  snapshot->merge_slashes = configuration.merge_slashes;
  snapshot->upstreams = compile_upstreams(configuration, previous);
  return snapshot;
}

}  // namespace sluice::proxy
