#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/ascii.hpp"
#include "route/table.hpp"

// What route::Table is to compute, said as a walk over all routes. Slow, and with no thought but the documented order.
namespace sluice::route::reference {

inline std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    segments.emplace_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

inline bool host_fits(const Route& route, std::string_view host) {
  if (route.host.empty()) return true;
  if (host.empty() || !route.host.starts_with('*')) return route.host == host;
  return host.ends_with(route.host.substr(1)) && host.size() > route.host.size() - 1;
}

inline bool path_fits(const Route& route, std::string_view path) {
  if (route.path_regex) return route.path_regex->matches(path, 0);
  std::vector<std::string> wanted = segments_of(route.path.path);
  std::vector<std::string> given = segments_of(path);
  if (route.path.is_prefix ? given.size() < wanted.size() : given.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{}" ? given[i].empty() : wanted[i] != given[i]) return false;
  }
  return true;
}

inline bool conditions_fit(const Route& route, const Request& request) {
  const Conditions& conditions = route.conditions;
  if (!conditions.methods.empty() && std::ranges::count(conditions.methods, request.method) == 0) return false;
  const http::FieldList none;
  for (const HeaderCondition& each : conditions.headers) {
    if (!each.fits(request.fields != nullptr ? *request.fields : none, 0)) return false;
  }
  for (const QueryCondition& each : conditions.query) {
    if (!each.fits(request.query, 0)) return false;
  }
  return true;
}

// Greater: goes before. Compares routes whose host and path fit the same request.
inline auto rank(const Route& route, std::span<const Route> routes) {
  std::size_t host = route.host.empty() ? 0 : route.host.starts_with('*') ? route.host.size() : SIZE_MAX;
  int kind = route.path_regex ? 1 : route.path.is_prefix || route.path.path.contains("{}") ? 0 : 2;
  // Of an expression: where it comes first among the routes of its host.
  std::int64_t expression = 0;
  if (route.path_regex) {
    auto is_same = [&](const Route& other) {
      return other.host == route.host && other.path_regex && other.path_regex->text() == route.path_regex->text();
    };
    expression = routes.begin() - std::ranges::find_if(routes, is_same);
  }
  // Of the others: written segments before `{name}` before `/*`, from the left.
  std::vector<int> shape;
  if (!route.path_regex) {
    for (const std::string& segment : segments_of(route.path.path)) shape.push_back(segment == "{}" ? 1 : 2);
    shape.push_back(route.path.is_prefix ? 0 : 3);
  }
  return std::tuple(host, kind, expression, shape, !route.conditions.methods.empty(), route.conditions.headers.size(),
                    route.conditions.query.size(), -static_cast<std::int64_t>(route.index));
}

inline const Route* match(std::span<const Route> routes, const Request& request) {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    if (!request.path.starts_with('/')) continue;
    if (!host_fits(route, request.host) || !path_fits(route, request.path) || !conditions_fit(route, request)) continue;
    if (best == nullptr || rank(route, routes) > rank(*best, routes)) best = &route;
  }
  return best;
}

}  // namespace sluice::route::reference
