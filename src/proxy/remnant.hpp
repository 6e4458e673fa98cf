#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "proxy/snapshot.hpp"
#include "route/table.hpp"

namespace sluice::proxy {

// What: what an exchange that goes on keeps of a snapshot that is not the newest any more.
// Shard: one. Lifetime: until its last exchange has ended.
struct Remnant {
  Terms terms;
  route::Route route;  // of an exchange without one: empty but for the response edits
  std::size_t uses = 0;
};

// What: the remnants of one shard. Exchanges of one snapshot that have the same route share one, so that a crowd of
//       streams costs a copy for each route and not for each stream.
// Shard: one. Lifetime: outlives every Use.
class RemnantSet {
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // generation, index of the route
  using Map = std::map<Key, Remnant>;
  static constexpr std::uint32_t no_route = UINT32_MAX;

 public:
  // What: the right to one remnant. Empty, or not.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept : set_(std::exchange(other.set_, nullptr)), entry_(other.entry_) {}
    Use& operator=(Use&& other) noexcept {
      if (this != &other) {
        reset();
        set_ = std::exchange(other.set_, nullptr);
        entry_ = other.entry_;
      }
      return *this;
    }
    ~Use() { reset(); }
    [[nodiscard]] const Remnant* operator->() const { return &entry_->second; }
    explicit operator bool() const { return set_ != nullptr; }

   private:
    friend class RemnantSet;
    Use(RemnantSet& set, Map::iterator entry) : set_(&set), entry_(entry) { ++entry->second.uses; }
    void reset() {
      if (set_ != nullptr) std::exchange(set_, nullptr)->release(entry_);
    }
    RemnantSet* set_ = nullptr;
    Map::iterator entry_;
  };

  // The remnant of what `lease` holds, for a route of it or for none (null).
  [[nodiscard]] Use keep(const SnapshotReader::Lease& lease, const route::Route* route) {
    auto [entry, is_new] = map_.try_emplace({lease.generation(), route != nullptr ? route->index : no_route});
    if (is_new) {
      entry->second.terms = *lease;
      if (route == nullptr) {
        entry->second.route.response_edits = lease->response_edits;
        return Use(*this, entry);
      }
      entry->second.route = *route;
      // What only finds the route, and the request that goes on, is over.
      entry->second.route.path_regex.reset();
      entry->second.route.conditions = {};
      entry->second.route.rewrite = {};
    }
    return Use(*this, entry);
  }
  [[nodiscard]] std::size_t size() const { return map_.size(); }

 private:
  void release(Map::iterator entry) {
    if (--entry->second.uses == 0) map_.erase(entry);
  }
  Map map_;
};

}  // namespace sluice::proxy
