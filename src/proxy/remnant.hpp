#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "base/list.hpp"
#include "proxy/snapshot.hpp"
#include "route/table.hpp"

namespace sluice::proxy {

// What: who may hold a snapshot for long, and is asked to let go of it when there is a newer one.
class SnapshotHolder {
 public:
  virtual void let_go() = 0;

  ListHook holder_hook;

 protected:
  ~SnapshotHolder() = default;
};

// What: what an exchange that goes on for long keeps of a snapshot that is not the newest any more.
// Shard: one. Lifetime: until its last exchange has ended.
struct Remnant {
  Terms terms;
  route::Route route;
  std::size_t uses = 0;
};

// What: the remnants of one shard. Exchanges of one snapshot that have the same route share one, so that a crowd of
//       streams costs a copy for each route and not for each stream.
// Shard: one. Lifetime: outlives every Use.
class RemnantSet {
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // generation, index of the route
  using Map = std::map<Key, Remnant>;

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

  // The remnant of what `lease` holds, for a route of it.
  [[nodiscard]] Use keep(const SnapshotReader::Lease& lease, const route::Route& route) {
    auto [entry, is_new] = map_.try_emplace({lease.generation(), route.index});
    if (is_new) {
      entry->second = {.terms = static_cast<const Terms&>(*lease), .route = route};
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
