#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/round_robin.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "net/address.hpp"
#include "runtime/task.hpp"
#include "upstream/connection.hpp"
#include "upstream/meters.hpp"
#include "upstream/settings.hpp"

namespace sluice::upstream {

class Upstream;

// What the connections of one shard are made from.
struct Resources {
  runtime::Loop& loop;
  runtime::BufferRing& buffers;
  memory::BlockPool& gather_blocks;  // for heads that arrive in parts
  memory::BlockPool& send_blocks;    // for what goes out
  unsigned receive_share_max;        // buffers that one connection may hold unread
  EndpointMeters& meters;
};

// What: one address of an upstream, with the connections of this shard to it.
// Shard: one. Lifetime: until it has left its upstream, its last connection is closed and its last user has gone.
// Invariants: open() counts the idle ones, those in exchanges and those being closed.
class Endpoint {
 public:
  Endpoint(Upstream& upstream, const Resources& resources, const net::Address& address, std::string name,
           metrics::Slot slot)
      : upstream_(upstream), resources_(resources), address_(address), name_(std::move(name)), slot_(slot) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint();

  [[nodiscard]] const std::string& name() const { return name_; }
  // What stands in Host where the client named no host: a unix socket has no name that could.
  [[nodiscard]] std::string_view host() const { return address_.is_unix() ? "localhost" : std::string_view(name_); }
  [[nodiscard]] std::size_t open() const { return open_; }
  // Its counts; not to be kept.
  [[nodiscard]] EndpointCells& cells() const { return resources_.meters.at(slot_); }

  // The connection that was used last, if one is idle; it is the caller's then. own: where a connection serves one
  // client alone, those of the client; null: it has none.
  [[nodiscard]] Connection* take_idle(const OwnConnections* own = nullptr);
  // A new one. Errors: refused, unreachable, timed_out, exhausted (no descriptor), cancelled; `safe` to
  // retry elsewhere but for the last two. The caller holds a Use.
  [[nodiscard]] runtime::Task<Result<Connection*>> connect(Duration timeout);
  // How the last responses were: after long ones, connections receive heads without receiving bodies into buffers.
  void note_response(bool was_spliced);
  // Gives a connection back whose exchange ended cleanly on both sides. own: of a private one, its client's.
  void keep(Connection& connection, OwnConnections* own = nullptr);
  // Closes and frees a connection; joined when it returns.
  [[nodiscard]] runtime::Task<void> discard(Connection& connection);
  // Closes every idle connection, in the background.
  void evict_idle();

 private:
  friend class Connection;
  friend class OwnConnections;
  friend class Upstream;
  template <class>
  friend class Use;
  [[nodiscard]] bool is_private() const;
  [[nodiscard]] net::Stream::ReceiveMode receive_mode() const;
  [[nodiscard]] runtime::Task<Result<void>> connect_socket(int fd, Instant deadline);
  void evict(Connection& connection);
  [[nodiscard]] runtime::Task<void> close_evicted(Connection* connection);
  // Its upstream has it no more: nothing is kept from here on.
  void leave();
  [[nodiscard]] bool is_unused() const { return uses_ == 0 && open_ == 0; }
  void use() { ++uses_; }
  void end_use();
  // A connection may be idle for no longer than `timeout` from now.
  void shorten_idle(Duration timeout);

  Upstream& upstream_;
  Resources resources_;
  net::Address address_;
  std::string name_;
  metrics::Slot slot_;
  List<Connection, &Connection::idle_hook_> idle_;  // the one used last in front
  std::size_t open_ = 0;
  std::uint32_t uses_ = 0;
  unsigned long_responses_ = 0;  // capped: spliced ones add, others take away
  bool is_leaving_ = false;
};

// What: keeps an Upstream or an Endpoint from being freed while an exchange speaks of it. Empty, or not.
// Shard: the object's; a plain count.
template <class T>
class Use {
 public:
  Use() = default;
  explicit Use(T& object) : object_(&object) { object.use(); }
  Use(Use&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Use& operator=(Use&& other) noexcept {
    if (this != &other) {
      reset();
      object_ = std::exchange(other.object_, nullptr);
    }
    return *this;
  }
  ~Use() { reset(); }

  void reset() {
    if (object_ != nullptr) std::exchange(object_, nullptr)->end_use();
  }
  [[nodiscard]] T* get() const { return object_; }
  [[nodiscard]] T& operator*() const { return *object_; }
  [[nodiscard]] T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// What: a named group of endpoints as one shard sees it, through all reloads that keep its name.
// Shard: one. Lifetime: its UpstreamSet's, until it has been retired, nobody uses it and its connections are closed.
// Invariants: idle_count() is at most the setting. Every endpoint has its place in `turn_`; those that have left have
//             none, and go when they are unused.
class Upstream {
 public:
  // What: told when an upstream has parts that nobody needs any more.
  class Owner {
   public:
    virtual void on_unused(Upstream& upstream) = 0;

   protected:
    ~Owner() = default;
  };

  // settings: endpoints with canonical addresses. seed: sets the shards' turns apart. owner: may be null.
  Upstream(const UpstreamSettings& settings, const Resources& resources, std::uint64_t seed, Owner* owner = nullptr);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  // Goes on with other settings of the same name: endpoints that stay keep their connections.
  void update(const UpstreamSettings& settings);
  // The configuration has it no more: who has found it already is still served, and no connection is kept.
  void retire();
  // Frees the endpoints that have left and are unused; true when the retired upstream as a whole may go.
  [[nodiscard]] bool sweep();

  [[nodiscard]] const std::string& name() const { return settings_.name.value; }
  // The next endpoint that is not among `excluded`, or null.
  [[nodiscard]] Endpoint* pick(std::span<const Use<Endpoint>> excluded = {});
  [[nodiscard]] std::size_t index_of(const Endpoint& endpoint) const;
  [[nodiscard]] std::size_t size() const { return endpoints_.size(); }
  // Endpoints that have left and are still in use.
  [[nodiscard]] std::size_t leaving() const { return leaving_.size(); }
  [[nodiscard]] const UpstreamSettings& settings() const { return settings_; }
  [[nodiscard]] const KeepAliveSettings& keep_alive() const { return settings_.keep_alive; }
  [[nodiscard]] const std::string& congestion_control() const { return settings_.congestion_control.value; }
  [[nodiscard]] std::size_t idle_count() const { return idle_count_; }
  void evict_idle();

 private:
  friend class Endpoint;
  friend class UpstreamSet;
  template <class>
  friend class Use;
  void use() { ++uses_; }
  void end_use();
  void note_unused();
  void add(const EndpointSettings& endpoint);
  void trim_idle();

  Resources resources_;
  std::uint64_t seed_;
  Owner* owner_;
  UpstreamSettings settings_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<std::unique_ptr<Endpoint>> leaving_;
  balance::WeightedRoundRobin turn_;
  std::size_t idle_count_ = 0;
  std::uint32_t uses_ = 0;
  bool is_retired_ = false;
  ListHook unused_hook_;  // in its owner's list
};

inline void Endpoint::end_use() {
  if (--uses_ == 0 && is_leaving_) [[unlikely]]
    upstream_.note_unused();
}

inline void Upstream::end_use() {
  if (--uses_ == 0 && is_retired_) [[unlikely]]
    note_unused();
}

}  // namespace sluice::upstream
