#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/field_edits.hpp"
#include "metrics/slot.hpp"
#include "route/action.hpp"
#include "route/conditions.hpp"
#include "route/path_pattern.hpp"
#include "route/regex.hpp"
#include "route/rewrite.hpp"
#include "route/settings.hpp"

namespace sluice::route {

// Which requests, where they go, and how.
struct Route {
  std::uint32_t index = 0;          // place in the file
  std::string name;                 // for logs and metrics
  std::string host;                 // lowercase; "*.example.com" too; empty: any
  PathPattern path;                 // where there is no path_regex
  std::optional<Regex> path_regex;  // of the whole path
  Conditions conditions;
  Action action = Action::forward;
  std::uint32_t upstream = 0;  // index of the upstream; valid with Action::forward
  UpstreamHost upstream_host;
  std::string strip_prefix;  // empty: nothing is stripped
  Rewrite rewrite;
  Timeouts timeouts;
  http::FieldEdits request_edits;
  http::FieldEdits response_edits;
  Redirect redirect;                 // valid with Action::redirect
  FixedResponse response;            // valid with Action::respond
  metrics::Slot slot;                // where it counts
  metrics::Slot upstream_slot;       // where its upstream does
  std::vector<std::string> upgrade;  // protocols, lowercase, that a request may change to
  BodyLimits limits;
  bool trace = false;       // TRACE is taken
  bool half_close = false;  // a client's FIN behind its request does not cancel the exchange
};

// What the settings, which have no problem, say of a route by themselves: all but its upstream,
// timeouts and edits.
// shards: how many will match with it.
[[nodiscard]] Route compile(const RouteSettings& settings, unsigned shards);

}  // namespace sluice::route
