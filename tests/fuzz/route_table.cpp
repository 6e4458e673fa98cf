// Routes and requests for them: the table agrees with a walk over all routes, and what a route makes of a target is one
// that can be forwarded. The input is TOML with [[route]]s; its comments of the form "#? METHOD HOST PATH QUERY FIELD"
// are the requests, FIELD being "name:value".
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "config/document.hpp"
#include "http/uri.hpp"
#include "route/settings.hpp"
#include "route/table.hpp"

#include "../unit/route/reference_matcher.hpp"

namespace sluice::route {
namespace {

struct File {
  config::Given given;
  std::vector<RouteSettings> routes;
};
constexpr auto file_keys = std::to_array<config::Key<File>>({
    config::tables<&File::routes, route_keys>("route", {1, 50}, "Routes."),
});
constinit const config::Keys<File> keys = file_keys;

std::string_view take_word(std::string_view& line) {
  std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

void check_rewrite(const Route& route, std::string_view path, std::string_view query) {
  if (!route.rewrite.is_given()) {
    if (!route.path_regex) SLUICE_ASSERT(strip_prefix(path, route.strip_prefix).starts_with('/'));
    return;
  }
  for (bool merge_slashes : {true, false}) {
    const Rewriting rewriting(route, path, query, 0);
    std::string memory(rewriting.memory_bytes(), '#');
    auto target = rewriting.apply(memory, merge_slashes);
    if (!target) continue;
    SLUICE_ASSERT(target->path.size() + target->query.size() <= rewriting.target_bytes());
    SLUICE_ASSERT(target->path.starts_with('/') && !target->path.starts_with("//"));
    SLUICE_ASSERT(target->query.empty() || target->query.starts_with('?') || target->query == query);
    std::string room(target->path.size(), '#');
    auto normal = http::normalize_path(target->path, room, {.merge_slashes = merge_slashes, .resolve_dots = false});
    SLUICE_ASSERT(normal && *normal == target->path);
  }
}

void check_request(const Table& table, std::string_view line) {
  Request request;
  request.method = take_word(line);
  request.host = take_word(line);
  std::string_view path = take_word(line);
  request.query = take_word(line);
  http::FieldList fields;
  for (std::string_view field = take_word(line); field.contains(':'); field = take_word(line)) {
    std::size_t colon = field.find(':');
    if (!fields.add(field.substr(0, colon), field.substr(colon + 1))) break;
  }
  request.fields = &fields;
  std::string room(path.size(), '#');
  auto normal = http::normalize_path(path, room);
  if (!normal) return;
  request.path = *normal;
  const Route* found = table.match(request);
  SLUICE_ASSERT(found == reference::match(table.routes(), request));
  if (found != nullptr) check_rewrite(*found, request.path, request.query);
}

}  // namespace
}  // namespace sluice::route

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice;
  std::string_view text(reinterpret_cast<const char*>(input), size);
  config::Problems problems("fuzz.toml");
  const auto root = config::parse_document(text, problems);
  if (!root) return 0;
  route::File file;
  config::read(config::Cursor(*root, {}, problems), route::keys, file);
  route::check_routes(file.routes, problems);
  if (!problems.is_empty()) return 0;
  std::vector<route::Route> routes;
  routes.reserve(file.routes.size());
  for (const route::RouteSettings& settings : file.routes) routes.push_back(route::compile(settings, 1));
  const route::Table table(std::move(routes));
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("#? ")) route::check_request(table, line.substr(3));
  }
  return 0;
}
