#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "proxy/configuration.hpp"

namespace {

// An error is one line that names the file.
void check_error(std::string_view line) {
  SLUICE_ASSERT(line.starts_with("fuzz.toml:"));
  for (char c : line) SLUICE_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

// A configuration that was accepted can be built, and each route gets the requests that it was written for.
void check_routes(const sluice::proxy::Configuration& configuration) {
  sluice::route::Table table = configuration.route_table();
  SLUICE_ASSERT(table.routes().size() == configuration.routes.size());
  for (const sluice::route::Route& route : table.routes()) {
    std::string path = route.path.path.empty() ? "/" : route.path.path;
    const sluice::route::Route* found = table.match(route.host, path);
    // A prefix gives way to an exact path.
    SLUICE_ASSERT(found == &route || (route.path.is_prefix && found != nullptr && !found->path.is_prefix));
    SLUICE_ASSERT(route.upstream < configuration.upstreams.size());
    SLUICE_ASSERT(sluice::route::strip_prefix(path, route.strip_prefix).starts_with('/'));
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
