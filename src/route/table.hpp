#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "route/settings.hpp"

namespace sluice::route {

// Where a request goes, and how.
struct Route {
  std::uint32_t index = 0;  // place in the file
  std::string name;         // for logs and metrics
  std::string host;         // lowercase; empty: any
  PathPattern path;
  std::uint32_t upstream = 0;  // index of the upstream
  std::string strip_prefix;    // empty: nothing is stripped
  Timeouts timeouts;
};

// What: the routes of one snapshot, laid out so that a match costs the length of the path and not the count of routes.
// Shard: any; immutable.
// Invariants: no two routes have the same host and path. `slots_` is a power of two and never full.
class Table {
 public:
  Table() : Table(std::vector<Route>()) {}
  explicit Table(std::vector<Route> routes);

  // The route for a request, or null. host: lowercase, without the port; may be empty. path: normalised, without the
  // query. The routes of that host are asked first, then those of any host; among each the exact path, then the longest
  // prefix. Does not allocate.
  [[nodiscard]] const Route* match(std::string_view host, std::string_view path) const;

  [[nodiscard]] std::span<const Route> routes() const { return routes_; }

 private:
  // The paths of one host: where their hashes start, and how far it is worth hashing.
  struct Host {
    std::uint32_t number = 0;
    std::uint64_t seed = 0;
    std::size_t longest_prefix = 0;
    std::size_t longest_exact = 0;
    bool has_prefix = false;
    bool has_exact = false;
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t host = 0;          // number
    std::uint32_t route_plus_1 = 0;  // 0: free
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash_bytes(text); }
  };

  Host& host_of(const std::string& name);
  void insert(Host& host, const Route& route);
  [[nodiscard]] const Route* match_in(const Host& host, std::string_view path) const;
  [[nodiscard]] const Route* find(const Host& host, std::uint64_t path_hash, std::string_view path,
                                  bool is_prefix) const;

  std::vector<Route> routes_;
  std::unordered_map<std::string, Host, TextHash, std::equal_to<>> hosts_;
  std::vector<Slot> slots_;
};

// The path that goes to the upstream: `path` without `prefix`, a segment prefix of it. Starts with exactly one slash,
// so that what follows the prefix is never read as an authority ("//host"). A view of `path`, or of a constant.
[[nodiscard]] std::string_view strip_prefix(std::string_view path, std::string_view prefix);

}  // namespace sluice::route
