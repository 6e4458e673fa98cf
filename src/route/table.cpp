#include "route/table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/assert.hpp"
#include "route/host_name.hpp"

namespace sluice::route {
namespace {

constexpr std::uint64_t multiplier = 0x9e3779b97f4a7c15U;

std::uint64_t mixed(std::uint64_t value) {
  auto product = static_cast<unsigned __int128>(value) * multiplier;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const char* from, std::size_t bytes) {
  if (bytes == 8) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    return word;
  }
  if (bytes >= 4) {
    std::uint32_t first;
    std::uint32_t last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + bytes - 4, 4);
    return std::uint64_t{last} << 32 | first;
  }
  if (bytes == 0) return 0;
  auto at = [from](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(from[i])}; };
  return at(0) | at(bytes / 2) << 8 | at(bytes - 1) << 16;
}

// Of a segment and where it stands. Segments are short, so they are taken eight bytes at a time. What is looked for
// comes from clients, but what is found was chosen by the configuration: nobody else makes a chain longer.
std::uint64_t hash_of(std::uint32_t from, std::string_view text) {
  std::uint64_t hash = mixed(std::uint64_t{from} << 32 ^ text.size() ^ multiplier);
  const char* at = text.data();
  std::size_t bytes = text.size();
  for (; bytes > 8; bytes -= 8, at += 8) hash = mixed(hash ^ load(at, 8));
  return mixed(hash ^ load(at, bytes));
}

const http::FieldList no_fields;

bool has_method(const Conditions& conditions, std::string_view method) {
  return conditions.methods.empty() || std::ranges::find(conditions.methods, method) != conditions.methods.end();
}

bool fits(const Conditions& conditions, const Request& request) {
  if (!has_method(conditions, request.method)) return false;
  const http::FieldList& fields = request.fields != nullptr ? *request.fields : no_fields;
  return std::ranges::all_of(conditions.headers,
                             [&](const HeaderCondition& each) { return each.fits(fields, request.shard); }) &&
         std::ranges::all_of(conditions.query,
                             [&](const QueryCondition& each) { return each.fits(request.query, request.shard); });
}

}  // namespace

// Counts nothing, and costs nothing.
struct Table::NoSteps {
  struct Count {
    void operator++() {}
  };
  Count lookups;
  Count comparisons;
  Count candidates;
  Count expressions;
};

// What: lays the routes out.
struct Table::Builder {
  struct Lists {
    std::vector<std::uint32_t> exact;
    std::vector<std::uint32_t> below;
  };

  explicit Builder(Table& built) : table(built), lists(built.nodes_.size()) {}

  std::uint32_t add_node(std::uint32_t parent, bool is_parameter) {
    Node& node = table.nodes_.emplace_back();
    node.parent = parent;
    node.is_parameter = is_parameter;
    lists.emplace_back();
    return static_cast<std::uint32_t>(table.nodes_.size() - 1);
  }

  // The node that `text` leads to; made when it is new. parent: of the new node.
  std::uint32_t branch_of(std::uint32_t from, std::string_view text, std::uint32_t parent) {
    NoSteps none;
    if (std::uint32_t known = table.branch(from, text, none); known != 0) return known;
    if (2 * (used + 1) > table.slots_.size()) grow();
    std::uint32_t node = add_node(parent, false);
    SLUICE_ASSERT(table.texts_.size() + text.size() <= UINT32_MAX);
    put({hash_of(from, text), from, node, static_cast<std::uint32_t>(table.texts_.size()),
         static_cast<std::uint32_t>(text.size())});
    table.texts_ += text;
    ++used;
    return node;
  }

  void grow() {
    std::vector<Slot> old(2 * table.slots_.size());
    old.swap(table.slots_);
    for (const Slot& slot : old) {
      if (slot.to != 0) put(slot);
    }
  }

  void put(const Slot& slot) {
    std::size_t mask = table.slots_.size() - 1;
    std::size_t at = slot.hash & mask;
    while (table.slots_[at].to != 0) at = (at + 1) & mask;
    table.slots_[at] = slot;
  }

  std::uint32_t root_of(std::string_view host) {
    if (host.empty()) return any_host_node;
    if (!is_wildcard(host)) return branch_of(hosts_node, host, 0);
    std::string_view behind = host.substr(1);
    table.longest_wildcard_ = std::max(table.longest_wildcard_, behind.size());
    return branch_of(wildcards_node, behind, 0);
  }

  void insert(const Route& route) {
    std::uint32_t node = root_of(route.host);
    if (route.path_regex) {
      insert_expression(node, route);
      return;
    }
    for (std::string_view rest = route.path.path; !rest.empty();) {
      std::string_view segment = take_segment(rest);
      if (segment != any_segment) {
        node = branch_of(node, segment, node);
        continue;
      }
      if (table.nodes_[node].parameter == 0) {
        std::uint32_t parameter = add_node(node, true);
        table.nodes_[node].parameter = parameter;
      }
      node = table.nodes_[node].parameter;
    }
    (route.path.is_prefix ? lists[node].below : lists[node].exact).push_back(route.index);
  }

  void insert_expression(std::uint32_t root, const Route& route) {
    auto is_same = [&](const auto& known) {
      return known.first == root && table.routes_[known.second.front()].path_regex->text() == route.path_regex->text();
    };
    auto found = std::ranges::find_if(expressions, is_same);
    if (found == expressions.end()) {
      expressions.push_back({root, {route.index}});
    } else {
      found->second.push_back(route.index);
    }
  }

  Span flattened(std::vector<std::uint32_t>& list) {
    std::ranges::sort(list, {}, [this](std::uint32_t index) {
      const Conditions& conditions = table.routes_[index].conditions;
      return std::tuple(conditions.methods.empty(), -static_cast<int>(conditions.headers.size()),
                        -static_cast<int>(conditions.query.size()), index);
    });
    Span span{static_cast<std::uint32_t>(table.candidates_.size()), static_cast<std::uint32_t>(list.size())};
    table.candidates_.insert(table.candidates_.end(), list.begin(), list.end());
    return span;
  }

  void finish() {
    for (std::size_t i = 0; i < lists.size(); ++i) {
      table.nodes_[i].exact = flattened(lists[i].exact);
      table.nodes_[i].below = flattened(lists[i].below);
    }
    std::ranges::sort(expressions, {}, [](const auto& each) { return std::tuple(each.first, each.second.front()); });
    for (auto& [root, list] : expressions) table.expressions_.push_back({root, flattened(list)});
  }

  Table& table;
  std::vector<Lists> lists;                                                       // of each node
  std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> expressions;  // with their roots
  std::size_t used = 0;                                                           // slots
};

Table::Table(std::vector<Route> routes) : routes_(std::move(routes)), nodes_(any_host_node + 1), slots_(16) {
  Builder builder(*this);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    routes_[i].index = static_cast<std::uint32_t>(i);
    builder.insert(routes_[i]);
  }
  builder.finish();
}

const Route* Table::match(const Request& request) const {
  NoSteps none;
  return match_hosts(request, none);
}

const Route* Table::match(const Request& request, MatchSteps& steps) const { return match_hosts(request, steps); }

template <class Steps>
const Route* Table::match_hosts(const Request& request, Steps& steps) const {
  if (!request.path.starts_with('/')) return nullptr;
  if (!request.host.empty()) {
    if (std::uint32_t root = branch(hosts_node, request.host, steps); root != 0) {
      if (const Route* route = match_host(root, request, steps)) return route;
    }
    // One label or more must be left before the dot.
    std::size_t dot = longest_wildcard_ == 0 ? std::string_view::npos : request.host.find('.', 1);
    for (; dot != std::string_view::npos; dot = request.host.find('.', dot + 1)) {
      std::string_view behind = request.host.substr(dot);
      if (behind.size() > longest_wildcard_) continue;
      std::uint32_t root = branch(wildcards_node, behind, steps);
      if (root == 0) continue;
      if (const Route* route = match_host(root, request, steps)) return route;
    }
  }
  return match_host(any_host_node, request, steps);
}

template <class Steps>
const Route* Table::match_host(std::uint32_t root, const Request& request, Steps& steps) const {
  if (!expressions_.empty()) {
    auto [begin, end] = std::ranges::equal_range(expressions_, root, {}, &Expression::node);
    if (begin != end) {
      if (const Route* route = match_exact(root, request, steps)) return route;
      if (const Route* route = match_expressions({begin, end}, request, steps)) return route;
    }
  }
  return match_tree(root, request, steps);
}

template <class Steps>
const Route* Table::match_exact(std::uint32_t root, const Request& request, Steps& steps) const {
  std::uint32_t node = root;
  for (std::string_view rest = request.path; !rest.empty();) {
    node = branch(node, take_segment(rest), steps);
    if (node == 0) return nullptr;
  }
  return first_fitting(nodes_[node].exact, request, steps);
}

template <class Steps>
const Route* Table::match_expressions(std::span<const Expression> expressions, const Request& request,
                                      Steps& steps) const {
  for (const Expression& expression : expressions) {
    ++steps.expressions;
    const Route& first = routes_[candidates_[expression.candidates.begin]];
    if (!first.path_regex->matches(request.path, request.shard)) continue;
    if (const Route* route = first_fitting(expression.candidates, request, steps)) return route;
  }
  return nullptr;
}

// Goes down as far as the path leads, by written segments before `{name}`, and asks the routes of every node on the way
// back up, where it takes the turns that it has not taken. What the way up needs is in the path and the tree.
template <class Steps>
const Route* Table::match_tree(std::uint32_t root, const Request& request, Steps& steps) const {
  std::string_view path = request.path;
  std::uint32_t node = root;
  std::size_t at = 0;  // how much of the path led here
  while (true) {
    while (at < path.size()) {
      std::string_view rest = path.substr(at);
      std::string_view segment = take_segment(rest);
      std::uint32_t next = branch(node, segment, steps);
      if (next == 0 && !segment.empty()) next = nodes_[node].parameter;
      if (next == 0) break;
      node = next;
      at = path.size() - rest.size();
    }
    if (at == path.size()) {
      if (const Route* route = first_fitting(nodes_[node].exact, request, steps)) return route;
    }
    for (bool has_turned = false; !has_turned;) {
      if (const Route* route = first_fitting(nodes_[node].below, request, steps)) return route;
      if (node == root) return nullptr;
      std::size_t slash = path.rfind('/', at - 1);
      std::uint32_t parent = nodes_[node].parent;
      std::uint32_t parameter = nodes_[parent].parameter;
      has_turned = !nodes_[node].is_parameter && parameter != 0 && slash + 1 != at;
      node = has_turned ? parameter : parent;
      if (!has_turned) at = slash;
    }
  }
}

template <class Steps>
const Route* Table::first_fitting(Span candidates, const Request& request, Steps& steps) const {
  for (std::uint32_t i = 0; i < candidates.count; ++i) {
    const Route& route = routes_[candidates_[candidates.begin + i]];
    ++steps.candidates;
    if (route.conditions.is_empty() || fits(route.conditions, request)) return &route;
  }
  return nullptr;
}

template <class Steps>
std::uint32_t Table::branch(std::uint32_t from, std::string_view text, Steps& steps) const {
  ++steps.lookups;
  std::uint64_t hash = hash_of(from, text);
  std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].to != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    ++steps.comparisons;
    if (slot.hash != hash || slot.from != from || slot.text_bytes != text.size()) continue;
    if (std::memcmp(texts_.data() + slot.text_begin, text.data(), text.size()) == 0) return slot.to;
  }
  return 0;
}

}  // namespace sluice::route
