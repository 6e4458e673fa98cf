#pragma once

#include "metrics/identities.hpp"
#include "proxy/configuration.hpp"

namespace sluice::control {

// What: who counts where: the slots of everything that the configuration names and the shards count for.
// Shard: the control thread alone.
// Lifetime: the server's, through all reloads.
class MeterDirectory {
 public:
  // Writes its slots into a configuration. Then it is put into effect, or not.
  void assign(proxy::Configuration& configuration);
  void commit();
  void roll_back();

  [[nodiscard]] const metrics::Identities& listeners() const { return listeners_; }
  [[nodiscard]] const metrics::Identities& routes() const { return routes_; }
  [[nodiscard]] const metrics::Identities& upstreams() const { return upstreams_; }
  [[nodiscard]] const metrics::Identities& endpoints() const { return endpoints_; }

 private:
  metrics::Identities listeners_{{"listener"}};
  metrics::Identities routes_{{"route"}};
  metrics::Identities upstreams_{{"upstream"}};
  metrics::Identities endpoints_{{"upstream", "endpoint"}};
};

}  // namespace sluice::control
