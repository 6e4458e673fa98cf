#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "proxy/configuration.hpp"
#include "route/host_name.hpp"

#include "../unit/route/reference_matcher.hpp"

namespace {

// An error is one line that names the file.
void check_error(std::string_view line) {
  SLUICE_ASSERT(line.starts_with("fuzz.toml:"));
  for (char c : line) SLUICE_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

// A request for what the route itself says.
std::string path_for(const sluice::route::Route& route) {
  std::string path;
  for (std::string_view rest = route.path.path; !rest.empty();) {
    std::string_view segment = sluice::route::take_segment(rest);
    path += '/';
    path += segment == sluice::route::any_segment ? "x" : segment;
  }
  return path.empty() ? "/" : path;
}

// A configuration that was accepted can be built, and each route gets the requests that it was written for, unless
// another one goes before it.
void check_routes(const sluice::proxy::Configuration& configuration) {
  sluice::route::Table table = configuration.route_table(1);
  SLUICE_ASSERT(table.routes().size() == configuration.routes.size());
  std::set<std::string_view> names;
  for (const sluice::route::Route& route : table.routes()) SLUICE_ASSERT(names.insert(route.name).second);
  for (const sluice::route::Route& route : table.routes()) {
    SLUICE_ASSERT(route.action != sluice::route::Action::forward || route.upstream < configuration.upstreams.size());
    const std::string path = path_for(route);
    const std::string host = sluice::route::is_wildcard(route.host) ? "x" + route.host.substr(1) : route.host;
    const sluice::route::Request request{.host = host, .path = path};
    const sluice::route::Route* found = table.match(request);
    SLUICE_ASSERT(found == sluice::route::reference::match(table.routes(), request));
    SLUICE_ASSERT(found != nullptr || route.path_regex || !route.conditions.is_empty());
    if (!route.path_regex) SLUICE_ASSERT(sluice::route::strip_prefix(path, route.strip_prefix).starts_with('/'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(input), size);
  auto configuration = sluice::proxy::parse_configuration("fuzz.toml", text);
  if (configuration) {
    check_routes(*configuration);
  } else {
    SLUICE_ASSERT(!configuration.error().empty());
    for (const std::string& line : configuration.error()) check_error(line);
  }
  return 0;
}
