#include "control/host_check.hpp"

#include <fmt/format.h>

#include "net/congestion_control.hpp"
#include "runtime/kernel.hpp"

namespace sluice::control {
namespace {

namespace kernel = runtime::kernel;

// Whether the kernel takes the setting for a socket of ours.
bool is_offered(const std::string& congestion_control) {
  const int fd = kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
  if (fd < 0) return true;  // there is no telling; the start will run into it
  const bool is_set = net::set_congestion_control(fd, congestion_control, net::Address()).has_value();
  kernel::close(fd);
  return is_set;
}

}  // namespace

std::vector<std::string> unmet_by_host(const proxy::Configuration& configuration) {
  config::Problems unmet(configuration.files);
  auto check = [&](const config::Placed<std::string>& congestion_control, const char* kind, const std::string& name) {
    if (is_offered(congestion_control.value)) return;
    unmet.add(congestion_control.place,
              fmt::format("the kernel does not let us use the congestion control \"{}\" ({} \"{}\"); "
                          "net.ipv4.tcp_available_congestion_control lists what it has",
                          congestion_control.value, kind, name));
  };
  for (const net::ListenerSettings& listener : configuration.listeners) {
    check(listener.congestion_control, "listener", listener.name.value);
  }
  for (const upstream::UpstreamSettings& upstream : configuration.upstreams) {
    check(upstream.congestion_control, "upstream", upstream.name.value);
  }
  return unmet.lines();
}

}  // namespace sluice::control
