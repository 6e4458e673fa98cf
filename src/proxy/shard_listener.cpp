#include "proxy/shard_listener.hpp"

#include "proxy/shard.hpp"

namespace sluice::proxy {

ShardListener::ShardListener(Shard& shard, const ListenerSocket& socket)
    : shard_(shard),
      id_(socket.id),
      name_(socket.name),
      slot_(socket.slot),
      terms_(socket.terms),
      socket_(shard.loop(), socket.fd, *this) {}

void ShardListener::on_connection(int fd) { shard_.accept(fd, *this); }

void ShardListener::on_pause() { shard_.counters().descriptor_shortages.add(); }

void ShardListener::end_use() {
  if (--uses_ == 0 && is_removed_) [[unlikely]]
    shard_.note_unused_listener();
}

}  // namespace sluice::proxy
