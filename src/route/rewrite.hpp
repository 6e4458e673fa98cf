#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/key.hpp"
#include "http/uri.hpp"
#include "route/captures.hpp"
#include "route/substitution.hpp"

namespace sluice::route {

struct Route;
struct RouteSettings;

// `rewrite` of a route.
struct RewriteSettings {
  std::optional<config::Placed<std::string>> prefix;
  std::optional<config::Placed<std::string>> path;
  std::optional<config::Placed<std::string>> query;
  config::Given given{};

  [[nodiscard]] bool is_given() const { return prefix || path || query; }
};
extern const config::Keys<RewriteSettings> rewrite_keys;

// What: what a route makes of the path and the query that it forwards, beside `strip_prefix`.
class Rewrite {
 public:
  Rewrite() = default;  // nothing
  // The settings have passed check_rewrite(). names: of the route's captures.
  Rewrite(const RewriteSettings& settings, std::span<const std::string> names);

  [[nodiscard]] bool is_given() const { return replaces_ != Replaces::nothing || query_; }

 private:
  friend class Rewriting;
  enum class Replaces : std::uint8_t { nothing, prefix, path };

  Replaces replaces_ = Replaces::nothing;
  Substitution path_;
  std::optional<Substitution> query_;
};

// Names of what the path of the route captures. The expression, if there is one, compiles.
[[nodiscard]] std::vector<std::string> capture_names(const RouteSettings& route);
// Says what is wrong with `rewrite` and `strip_prefix` in this route.
void check_rewrite(const RouteSettings& route, config::Problems& problems);

// The parts of a path that fits the route.
[[nodiscard]] Captures capture(const Route& route, std::string_view path, unsigned shard);

// A path and a query as they are forwarded; the query has its leading '?', or is empty.
struct Target {
  std::string_view path;
  std::string_view query;
};

// What: one request's path and query on their way through a route's Rewrite.
// Lifetime: within those of the route, the path and the query.
class Rewriting {
 public:
  // path: normalised; it fits the route.
  Rewriting(const Route& route, std::string_view path, std::string_view query, unsigned shard);

  // Bytes of the new target.
  [[nodiscard]] std::size_t target_bytes() const { return path_bytes_ + query_bytes_; }
  // Bytes that apply() works in.
  [[nodiscard]] std::size_t memory_bytes() const { return 2 * path_bytes_ + query_bytes_; }
  // The new target, with views of `memory`, the old query or constants. Its path is normalised, and begins with one
  // slash. Errors: an expression's groups can be put together to what no path may be.
  [[nodiscard]] std::expected<Target, http::PathError> apply(std::span<char> memory, bool merge_slashes) const;

 private:
  const Route& route_;
  std::string_view path_;
  std::string_view query_;
  Captures captures_;
  std::string_view rest_;  // of the path, behind what the prefix covers
  std::size_t path_bytes_ = 0;
  std::size_t query_bytes_ = 0;
};

// The path that goes to the upstream: `path` without `prefix`, a segment prefix of it. Starts with exactly one slash,
// so that what follows the prefix is never read as an authority ("//host"). A view of `path`, or of a constant.
[[nodiscard]] std::string_view strip_prefix(std::string_view path, std::string_view prefix);

}  // namespace sluice::route
