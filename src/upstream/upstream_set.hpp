#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.hpp"
#include "upstream/settings.hpp"
#include "upstream/upstream.hpp"

namespace sluice::upstream {

// What: every upstream of one configuration, in the order of the file. Configurations whose upstreams are all the same
//       share one.
// Shard: made on the control thread, immutable.
struct UpstreamList {
  std::uint64_t version = 0;  // another one for another list
  std::vector<UpstreamSettings> upstreams;
};

// What: the upstreams of one shard, by name, through all reloads.
// Shard: one. Lifetime: its shard's.
// Invariants: view() stands for the list that reconcile() was given last; a View keeps what it stands for alive.
class UpstreamSet final : private Upstream::Owner {
  // What the indices of one list stand for.
  struct Table {
    std::uint64_t version = 0;
    std::uint32_t uses = 0;
    std::vector<Use<Upstream>> upstreams;
  };

 public:
  // What: the upstreams as one list has them, for as long as an exchange may still ask for them by index.
  class View {
   public:
    View() = default;
    View(View&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {}
    View& operator=(View&& other) noexcept {
      if (this != &other) {
        reset();
        table_ = std::exchange(other.table_, nullptr);
      }
      return *this;
    }
    ~View() { reset(); }
    void reset() {
      if (table_ != nullptr) release(std::exchange(table_, nullptr));
    }
    [[nodiscard]] Upstream& at(std::uint32_t index) const { return *table_->upstreams[index]; }

   private:
    friend class UpstreamSet;
    explicit View(Table& table) : table_(&table) { ++table.uses; }
    static void release(Table* table) {
      if (--table->uses == 0) delete table;
    }
    Table* table_ = nullptr;
  };

  UpstreamSet(const Resources& resources, std::uint64_t seed) : resources_(resources), seed_(seed) {}
  UpstreamSet(const UpstreamSet&) = delete;
  UpstreamSet& operator=(const UpstreamSet&) = delete;
  ~UpstreamSet();

  // Makes what is new, updates what has changed, retires what is gone. Nothing to do where the list is the last one.
  void reconcile(const UpstreamList& list);
  // One of the last list, by its name; null: there is none.
  [[nodiscard]] Upstream* find(std::string_view name) const;
  [[nodiscard]] View view() { return View(*current_.table_); }
  // Frees what nobody needs any more. Once per loop turn.
  void sweep() {
    if (!unused_.is_empty()) [[unlikely]]
      free_unused();
  }
  // Closes every idle connection, in the background.
  void evict_idle();

  // Those of the last list, and those that are gone and still in use.
  [[nodiscard]] std::size_t size() const { return live_.size(); }
  [[nodiscard]] std::size_t retired() const { return retired_.size(); }

 private:
  void on_unused(Upstream& upstream) override;
  void free_unused();

  Resources resources_;
  std::uint64_t seed_;
  std::map<std::string, std::unique_ptr<Upstream>, std::less<>> live_;
  std::vector<std::unique_ptr<Upstream>> retired_;
  List<Upstream, &Upstream::unused_hook_> unused_;  // may have something to free
  View current_;
};

}  // namespace sluice::upstream
