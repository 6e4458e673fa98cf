#include "route/table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.hpp"

namespace sluice::route {
namespace {

constexpr std::string_view any_host;

// Exact paths and prefixes of a host share the slots: the sign keeps "/v1" and "/v1/*" apart.
constexpr std::uint64_t slot_hash(std::uint64_t path_hash, bool is_prefix) {
  std::uint64_t mixed = is_prefix ? ~path_hash : path_hash;
  // FNV leaves the low bits of similar keys alike, and the low bits choose the slot.
  mixed ^= mixed >> 32;
  mixed *= 0x9e3779b97f4a7c15U;
  return mixed ^ (mixed >> 29);
}

}  // namespace

Table::Table(std::vector<Route> routes) : routes_(std::move(routes)), slots_(std::bit_ceil(2 * routes_.size() + 1)) {
  host_of(std::string(any_host));
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    routes_[i].index = static_cast<std::uint32_t>(i);
    insert(host_of(routes_[i].host), routes_[i]);
  }
}

const Route* Table::match(std::string_view host, std::string_view path) const {
  if (!path.starts_with('/')) return nullptr;
  auto own = hosts_.find(host);
  if (own != hosts_.end() && !host.empty()) {
    if (const Route* route = match_in(own->second, path)) return route;
  }
  return match_in(hosts_.find(any_host)->second, path);
}

Table::Host& Table::host_of(const std::string& name) {
  auto number = static_cast<std::uint32_t>(hosts_.size());
  auto [host, is_new] = hosts_.try_emplace(name);
  if (is_new) host->second = {.number = number, .seed = hash_bytes(name)};
  return host->second;
}

void Table::insert(Host& host, const Route& route) {
  const auto& [path, is_prefix] = route.path;
  (is_prefix ? host.has_prefix : host.has_exact) = true;
  std::size_t& longest = is_prefix ? host.longest_prefix : host.longest_exact;
  longest = std::max(longest, path.size());

  std::uint64_t path_hash = hash_bytes(path, host.seed);
  SLUICE_ASSERT(find(host, path_hash, path, is_prefix) == nullptr);
  Slot slot{slot_hash(path_hash, is_prefix), host.number, route.index + 1};
  std::size_t at = slot.hash & (slots_.size() - 1);
  while (slots_[at].route_plus_1 != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
}

const Route* Table::match_in(const Host& host, std::string_view path) const {
  // One pass: the hash of every prefix is a step on the way to the hash of the whole. A path that is longer than
  // everything here is hashed only as far as a prefix can reach.
  bool may_be_exact = host.has_exact && path.size() <= host.longest_exact;
  std::size_t end = may_be_exact ? path.size() : std::min(path.size(), host.longest_prefix);
  std::uint64_t hash = host.seed;
  const Route* longest = nullptr;
  for (std::size_t i = 0;; ++i) {
    bool is_segment_end = i == path.size() || path[i] == '/';
    if (is_segment_end && host.has_prefix && i <= host.longest_prefix) {
      if (const Route* route = find(host, hash, path.substr(0, i), true)) longest = route;
    }
    if (i == end) break;
    hash = hash_bytes(path.substr(i, 1), hash);
  }
  const Route* exact = may_be_exact ? find(host, hash, path, false) : nullptr;
  return exact != nullptr ? exact : longest;
}

const Route* Table::find(const Host& host, std::uint64_t path_hash, std::string_view path, bool is_prefix) const {
  std::uint64_t hash = slot_hash(path_hash, is_prefix);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].route_plus_1 != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.hash != hash || slot.host != host.number) continue;
    const Route& route = routes_[slot.route_plus_1 - 1];
    if (route.path.is_prefix == is_prefix && route.path.path == path) return &route;
  }
  return nullptr;
}

std::string_view strip_prefix(std::string_view path, std::string_view prefix) {
  SLUICE_ASSERT(path.starts_with(prefix));
  path.remove_prefix(prefix.size());
  SLUICE_ASSERT(path.empty() || path.front() == '/' || prefix.empty());
  std::size_t first = path.find_first_not_of('/');
  if (first == std::string_view::npos) return "/";
  if (first == 0) return path;
  path.remove_prefix(first - 1);
  return path;
}

}  // namespace sluice::route
