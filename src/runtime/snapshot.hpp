#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace sluice::runtime {

// One published value in the chain of its successors. Shards walk the chain, so that they may skip values and still say
// of each one when they are done with it.
template <class T>
struct SnapshotNode {
  explicit SnapshotNode(std::unique_ptr<const T> published, unsigned readers)
      : value(std::move(published)), readers_left(readers) {}
  std::unique_ptr<const T> value;
  std::uint64_t generation = 0;
  std::atomic<SnapshotNode*> next{nullptr};
  std::atomic<unsigned> readers_left;      // shards that may still take or hold it
  std::atomic<unsigned> readers_ended{0};  // shards whose last value this was: they will not take off any later one
};

// What: the control thread's end of RCU: publishes immutable values, and frees one when every shard is done with it.
// Shard: the control thread alone.
// Lifetime: outlives every SnapshotReader.
// Invariants: a node is freed only when all shards that have not ended have moved past it and hold no lease on it.
template <class T>
class SnapshotPublisher {
 public:
  // readers: how many shards will read, each with one SnapshotReader.
  SnapshotPublisher(std::unique_ptr<const T> first, unsigned readers) : readers_(readers) { append(std::move(first)); }
  SnapshotPublisher(const SnapshotPublisher&) = delete;
  SnapshotPublisher& operator=(const SnapshotPublisher&) = delete;

  // The caller wakes idle shards afterwards.
  void publish(std::unique_ptr<const T> value) {
    SnapshotNode<T>* previous = nodes_.back().get();
    append(std::move(value));
    previous->next.store(nodes_.back().get(), std::memory_order_release);
  }

  // Frees what no shard needs any more; returns how many values are alive.
  std::size_t reclaim() {
    take_off_ended();
    std::erase_if(nodes_, [this](const std::unique_ptr<SnapshotNode<T>>& node) {
      return node != nodes_.back() && node->readers_left.load(std::memory_order_acquire) == 0;
    });
    return nodes_.size();
  }

  [[nodiscard]] const T& latest() const { return *nodes_.back()->value; }
  [[nodiscard]] std::uint64_t generation() const { return nodes_.back()->generation; }
  // Of those alive, oldest first.
  [[nodiscard]] std::vector<std::uint64_t> generations() const {
    std::vector<std::uint64_t> generations;
    generations.reserve(nodes_.size());
    for (const auto& node : nodes_) generations.push_back(node->generation);
    return generations;
  }
  // As of the last reclaim().
  [[nodiscard]] std::size_t alive() const { return nodes_.size(); }
  [[nodiscard]] SnapshotNode<T>* newest() const { return nodes_.back().get(); }

 private:
  void append(std::unique_ptr<const T> value) {
    nodes_.push_back(std::make_unique<SnapshotNode<T>>(std::move(value), readers_));
    nodes_.back()->generation = ++generations_;
  }
  // A reader that has ended at some value never comes to see what was published behind it.
  void take_off_ended() {
    unsigned ended = 0;
    for (const std::unique_ptr<SnapshotNode<T>>& node : nodes_) {
      if (ended != 0) node->readers_left.fetch_sub(ended, std::memory_order_acq_rel);
      ended += node->readers_ended.exchange(0, std::memory_order_acq_rel);
    }
    readers_ -= ended;
  }

  unsigned readers_;  // that have not ended, as far as we have seen
  std::uint64_t generations_ = 0;
  std::vector<std::unique_ptr<SnapshotNode<T>>> nodes_;  // oldest first
};

// What: a shard's end: the newest value it has seen, and a plain count of those who still use each older one.
// Shard: one.
// Lifetime: outlives its leases. The publisher outlives it.
// Invariants: refresh() costs one load when nothing was published; taking a lease costs one addition.
template <class T>
class SnapshotReader {
  struct Held {
    SnapshotNode<T>* node = nullptr;
    std::size_t leases = 0;
  };

 public:
  // What: the right to use one value, for as long as an exchange lives.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : reader_(std::exchange(other.reader_, nullptr)), held_(std::exchange(other.held_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        reset();
        reader_ = std::exchange(other.reader_, nullptr);
        held_ = std::exchange(other.held_, nullptr);
      }
      return *this;
    }
    ~Lease() { reset(); }
    [[nodiscard]] const T& operator*() const { return *held_->node->value; }
    [[nodiscard]] const T* operator->() const { return held_->node->value.get(); }
    explicit operator bool() const { return held_ != nullptr; }
    // Whether this shard knows of nothing newer.
    [[nodiscard]] bool is_current() const { return held_ == reader_->held_.back().get(); }
    [[nodiscard]] std::uint64_t generation() const { return held_->node->generation; }
    void reset() {
      if (held_ != nullptr) reader_->release(*std::exchange(held_, nullptr));
    }

   private:
    friend class SnapshotReader;
    Lease(SnapshotReader& reader, Held& held) : reader_(&reader), held_(&held) { ++held.leases; }
    SnapshotReader* reader_ = nullptr;
    Held* held_ = nullptr;
  };

  // first: the publisher's newest at the time the shard is made, before anything else is published.
  // on_release: called on this shard when it has let go of a value, so that the control thread can be told.
  SnapshotReader(SnapshotNode<T>* first, std::function<void()> on_release) : on_release_(std::move(on_release)) {
    held_.push_back(std::make_unique<Held>(Held{first, 0}));
  }
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;
  ~SnapshotReader() {
    SLUICE_ASSERT(held_.size() == 1 && held_.front()->leases == 0);
    // Before done_with: who frees the value has seen this.
    held_.front()->node->readers_ended.fetch_add(1, std::memory_order_acq_rel);
    done_with(*held_.front()->node);
  }

  [[nodiscard]] const T& current() const { return *held_.back()->node->value; }
  [[nodiscard]] Lease lease() { return Lease(*this, *held_.back()); }

  // Moves on to the newest value; true when there was one. Once per loop turn.
  bool refresh() {
    SnapshotNode<T>* node = held_.back()->node;
    SnapshotNode<T>* next = node->next.load(std::memory_order_acquire);
    if (next == nullptr) [[likely]]
      return false;
    while (SnapshotNode<T>* newer = next->next.load(std::memory_order_acquire)) {
      done_with(*next);  // skipped: never taken by this shard
      next = newer;
    }
    Held* left = held_.back().get();
    held_.push_back(std::make_unique<Held>(Held{next, 0}));
    if (left->leases == 0) forget(*left);
    return true;
  }

  // How many values this shard still needs; one when nothing old is in use.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  // visit(generation, leases) for each of them, oldest first.
  template <class Visitor>
  void for_each_held(Visitor&& visit) const {
    for (const auto& held : held_) visit(held->node->generation, held->leases);
  }

 private:
  void release(Held& held) {
    SLUICE_ASSERT(held.leases > 0);
    if (--held.leases == 0 && &held != held_.back().get()) forget(held);
  }
  void forget(Held& held) {
    done_with(*held.node);
    std::erase_if(held_, [&](const std::unique_ptr<Held>& one) { return one.get() == &held; });
  }
  void done_with(SnapshotNode<T>& node) {
    node.readers_left.fetch_sub(1, std::memory_order_acq_rel);
    if (on_release_) on_release_();
  }

  std::vector<std::unique_ptr<Held>> held_;  // oldest first; the last is current
  std::function<void()> on_release_;
};

}  // namespace sluice::runtime
