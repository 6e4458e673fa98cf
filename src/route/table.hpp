#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/field.hpp"
#include "route/route.hpp"

namespace sluice::route {

// What of a request decides about its route.
struct Request {
  std::string_view host;            // lowercase, without the port; may be empty
  std::string_view path;            // normalised, without the query
  std::string_view method = "GET";  // as received
  std::string_view query{};         // with or without its leading '?'
  const http::FieldList* fields{};  // null: none
  unsigned shard = 0;               // whose copies of expressions are used
};

// How much work a match was.
struct MatchSteps {
  std::uint64_t lookups = 0;      // of hosts and segments
  std::uint64_t comparisons = 0;  // of what is in the slots with what is looked for
  std::uint64_t candidates = 0;   // routes whose host and path fit and whose conditions were looked at
  std::uint64_t expressions = 0;  // regular expressions for paths that were run

  [[nodiscard]] std::uint64_t sum() const { return lookups + comparisons + candidates + expressions; }
};

// What: the routes of one snapshot, laid out so that a match costs the length of the path and not the count of routes:
//       the paths of each host are a tree of segments, and all its branches lie in one hash table.
// Shard: any; immutable.
// Invariants: no two routes fit exactly the same requests. `slots_` is a power of two and at most half full. The routes
// of
//             a Span stand in the order in which they are asked.
class Table {
 public:
  Table() : Table(std::vector<Route>()) {}
  explicit Table(std::vector<Route> routes);

  // The route for a request, or null: of all routes that fit, the first one in this order. Does not allocate (but see
  // Regex).
  // 1. The host exactly, then wildcards from the longest to the shortest, then any host.
  // 2. The path exactly; then expressions in the order of the file; then templates and prefixes, compared segment by
  //    segment from the left, where a written segment goes before `{name}`, and that before `/*`.
  // 3. With methods before without; then more header conditions; then more query conditions; then the order of the
  //    file.
  [[nodiscard]] const Route* match(const Request& request) const;
  // The same, and adds to `steps` what it took.
  [[nodiscard]] const Route* match(const Request& request, MatchSteps& steps) const;

  [[nodiscard]] std::span<const Route> routes() const { return routes_; }

 private:
  // A part of candidates_ or of expressions_.
  struct Span {
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };
  // A place in the tree of a host: what a path's first segments lead to.
  struct Node {
    std::uint32_t parent = 0;     // 0: none, it is the root of a host
    std::uint32_t parameter = 0;  // where any segment leads; 0: nowhere
    Span exact;                   // paths that end here
    Span below;                   // prefixes that end here
    bool is_parameter = false;
  };
  // A branch: from a node by a segment to a node. From 0 by the name of a host to its root, from 1 by ".example.com"
  // for a wildcard.
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t from = 0;
    std::uint32_t to = 0;  // 0: free
    std::uint32_t text_begin = 0;
    std::uint32_t text_bytes = 0;
  };
  // The routes of one host with one expression.
  struct Expression {
    std::uint32_t node = 0;  // root of the host
    Span candidates;
  };
  struct Builder;
  struct NoSteps;

  template <class Steps>
  const Route* match_hosts(const Request& request, Steps& steps) const;
  template <class Steps>
  const Route* match_host(std::uint32_t root, const Request& request, Steps& steps) const;
  template <class Steps>
  const Route* match_exact(std::uint32_t root, const Request& request, Steps& steps) const;
  template <class Steps>
  const Route* match_expressions(std::span<const Expression> expressions, const Request& request, Steps& steps) const;
  template <class Steps>
  const Route* match_tree(std::uint32_t root, const Request& request, Steps& steps) const;
  template <class Steps>
  const Route* first_fitting(Span candidates, const Request& request, Steps& steps) const;
  template <class Steps>
  std::uint32_t branch(std::uint32_t from, std::string_view text, Steps& steps) const;

  static constexpr std::uint32_t hosts_node = 0;
  static constexpr std::uint32_t wildcards_node = 1;
  static constexpr std::uint32_t any_host_node = 2;

  std::vector<Route> routes_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::string texts_;                      // of the slots
  std::vector<std::uint32_t> candidates_;  // indices of routes
  std::vector<Expression> expressions_;    // by root, then in the order of the file
  std::size_t longest_wildcard_ = 0;       // bytes behind the star
};

}  // namespace sluice::route
