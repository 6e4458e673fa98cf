#include "proxy/shard_listener.hpp"

#include "base/assert.hpp"
#include "proxy/shard.hpp"

namespace sluice::proxy {

ShardListener::ShardListener(Shard& shard, const ListenerSocket& socket)
    : shard_(shard),
      id_(socket.id),
      name_(socket.name),
      slot_(socket.slot),
      terms_(socket.terms),
      socket_(shard.loop(), socket.fd, *this) {
  find_upstream();
}

void ShardListener::update(const ListenerUpdate& update) {
  name_ = update.name;
  slot_ = update.slot;
  terms_ = update.terms;
  find_upstream();
}

// In the same turn in which the shard has taken over the snapshot that has it.
void ShardListener::find_upstream() {
  upstream_.reset();
  if (terms_.protocol != net::ListenerProtocol::tcp) return;
  upstream::Upstream* upstream = shard_.upstreams().find(terms_.upstream);
  SLUICE_ASSERT(upstream != nullptr);  // checked when the configuration was read
  upstream_ = upstream::Use(*upstream);
}

void ShardListener::on_connection(int fd) { shard_.accept(fd, *this); }

void ShardListener::on_pause() { shard_.counters().descriptor_shortages.add(); }

void ShardListener::end_use() {
  if (--uses_ == 0 && is_removed_) [[unlikely]]
    shard_.note_unused_listener();
}

}  // namespace sluice::proxy
