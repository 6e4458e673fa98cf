#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "proxy/shard.hpp"
#include "runtime/kernel.hpp"

namespace sluice::proxy {

using runtime::Task;

namespace {

// From here on the change is the control thread's.
void finish(ShardChange& change) {
  const std::function<void()> on_done = std::move(change.on_done);
  change.is_done.store(true, std::memory_order_release);
  on_done();
}

}  // namespace

void Shard::refresh() {
  if (!snapshots_.refresh()) [[likely]]
    return;
  upstreams_.reconcile(*snapshots_.current().upstreams);
  for_each_connection([](Downstream& connection) {
    connection.take_new_snapshot();
    return true;
  });
}

void Shard::apply(ShardChange& change) {
  refresh();
  log_ = change.log;
  if (is_draining_) {
    // Too late: every listener is closed, or about to be.
    for (const ListenerSocket& socket : change.added) runtime::kernel::close(socket.fd);
    finish(change);
    return;
  }
  for (const ListenerSocket& socket : change.added) {
    listeners_.push_back(std::make_unique<ShardListener>(*this, socket));
    listeners_.back()->socket().start();
  }
  for (const ListenerUpdate& one : change.updated) update(one);
  std::vector<ShardListener*> removed = remove(change.removed);
  if (removed.empty()) {
    finish(change);
  } else {
    loop_->spawn("remove listeners", close_removed(&change, std::move(removed)));
  }
}

void Shard::update(const ListenerUpdate& update) {
  auto listener = std::ranges::find(listeners_, update.id, [](const auto& one) { return one->id(); });
  SLUICE_ASSERT(listener != listeners_.end());
  (*listener)->update(update);
  (*listener)->socket().set_backlog(update.backlog);
  if (!update.congestion_control.empty()) (*listener)->socket().set_congestion_control(update.congestion_control);
}

std::vector<ShardListener*> Shard::remove(const std::vector<std::uint32_t>& ids) {
  std::vector<ShardListener*> removed;
  for (auto& listener : listeners_) {
    if (std::ranges::find(ids, listener->id()) == ids.end()) continue;
    listener->use();
    listener->remove();
    removed.push_back(listener.get());
    removed_listeners_.push_back(std::move(listener));
  }
  SLUICE_ASSERT(removed.size() == ids.size());
  std::erase(listeners_, nullptr);
  return removed;
}

Task<void> Shard::close_removed(ShardChange* change, std::vector<ShardListener*> listeners) {
  for (ShardListener* listener : listeners) co_await listener->socket().close();
  finish(*change);
  co_await close_idle_connections();
  for (ShardListener* listener : listeners) listener->end_use();
}

void Shard::free_unused_listeners() {
  has_unused_listener_ = false;
  std::erase_if(removed_listeners_, [](const auto& listener) { return listener->is_unused(); });
}

}  // namespace sluice::proxy
