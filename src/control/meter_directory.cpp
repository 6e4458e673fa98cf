#include "control/meter_directory.hpp"

#include <array>
#include <string_view>

namespace sluice::control {

void MeterDirectory::assign(proxy::Configuration& configuration) {
  using Name = std::array<std::string_view, 1>;
  listeners_.begin();
  routes_.begin();
  upstreams_.begin();
  endpoints_.begin();
  for (auto& listener : configuration.listeners) listener.slot = listeners_.take(Name{listener.name.value});
  for (auto& route : configuration.routes) {
    const std::string name = route.display_name();
    route.slot = routes_.take(Name{name});
  }
  for (auto& upstream : configuration.upstreams) {
    upstream.slot = upstreams_.take(Name{upstream.name.value});
    for (auto& endpoint : upstream.endpoints) {
      const std::array<std::string_view, 2> names{upstream.name.value, endpoint.address.value};
      endpoint.slot = endpoints_.take(names);
    }
  }
}

void MeterDirectory::commit() {
  listeners_.commit();
  routes_.commit();
  upstreams_.commit();
  endpoints_.commit();
}

void MeterDirectory::roll_back() {
  listeners_.roll_back();
  routes_.roll_back();
  upstreams_.roll_back();
  endpoints_.roll_back();
}

}  // namespace sluice::control
