#include "proxy/shard.hpp"

#include <netinet/in.h>

#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "proxy/access_log.hpp"
#include "proxy/client_header.hpp"
#include "runtime/kernel.hpp"
#include "runtime/operation.hpp"

namespace sluice::proxy {

using runtime::Task;

namespace {

// A block takes a head of the largest size and what we add to it.
constexpr std::size_t added_head_bytes = 4096;
constexpr std::size_t page_bytes = 4096;
constexpr Duration new_connection_grace = std::chrono::milliseconds(500);

net::Address peer_of(int fd) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (runtime::kernel::peer_address(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) return {};
  // A path that the peer has bound its end to says nothing about it.
  if (address.sin6_family == AF_UNIX) return net::Address::unnamed_unix();
  return net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace

std::size_t Shard::block_bytes(const LimitSettings& limits) {
  return (limits.head_bytes + added_head_bytes + page_bytes - 1) / page_bytes * page_bytes;
}

std::size_t Shard::head_bytes_in(std::size_t block_bytes) { return block_bytes - added_head_bytes; }

class Shard::DrainTimer final : public runtime::Timer {
 public:
  explicit DrainTimer(Shard& shard) : shard_(shard) {}
  ~DrainTimer() {
    if (is_armed()) shard_.loop().wheel().disarm(*this);
  }

 private:
  void on_deadline() override { shard_.cut_off(); }
  Shard& shard_;
};

Result<std::unique_ptr<Shard>> Shard::open(ShardPlan plan, ShardCounters& counters) {
  runtime::LoopSettings loop_settings;
  loop_settings.submission_entries = plan.settings.ring_entries;
  loop_settings.completion_entries = plan.settings.completions();
  loop_settings.batch_wait = plan.settings.batch_wait;
  loop_settings.index = plan.index;
  auto loop = runtime::Loop::open(loop_settings);
  if (!loop) return std::unexpected(loop.error());
  auto buffers = runtime::BufferRing::open(**loop, plan.settings.receive_buffer, plan.settings.receive_buffers);
  if (!buffers) return std::unexpected(buffers.error());
  return std::unique_ptr<Shard>(new Shard(std::move(plan), counters, std::move(*loop), std::move(*buffers)));
}

Shard::Shard(ShardPlan plan, ShardCounters& counters, std::unique_ptr<runtime::Loop> loop,
             std::unique_ptr<runtime::BufferRing> buffers)
    : plan_(std::move(plan)),
      counters_(counters),
      loop_(std::move(loop)),
      buffers_(std::move(buffers)),
      gather_blocks_(block_bytes(plan_.first_snapshot->value->limits), plan_.settings.message_buffers),
      send_blocks_(block_bytes(plan_.first_snapshot->value->limits), plan_.settings.message_buffers),
      pipes_({.pipe_bytes = plan_.settings.pipe_size, .count_max = plan_.settings.pipes}),
      snapshots_(plan_.first_snapshot, plan_.on_snapshot_released),
      clients_(plan_.first_snapshot->value->max_connections, loop_->random().next()),
      upstreams_({*loop_, *buffers_, gather_blocks_, send_blocks_, upstream_share_max, counters_.meters.endpoints},
                 plan_.index),
      log_(plan_.log) {
  upstreams_.reconcile(*snapshots_.current().upstreams);
  for (const ListenerSocket& socket : plan_.listeners) {
    listeners_.push_back(std::make_unique<ShardListener>(*this, socket));
  }
  loop_->add_turn_end(*this);
}

Shard::~Shard() { loop_->remove_turn_end(*this); }

void Shard::run() {
  for (auto& listener : listeners_) listener->socket().start();
  while (!is_finished()) loop_->turn(Instant::never());
}

bool Shard::is_finished() const { return is_draining_ && listeners_.empty() && loop_->is_idle(); }

void Shard::on_turn_end() {
  refresh();
  if (has_unused_listener_) [[unlikely]]
    free_unused_listeners();  // which may have been the last to use an upstream
  upstreams_.sweep();
  counters_.snapshots_held.set(snapshots_.held());
}

std::int64_t Shard::unix_ms() {
  if (clock_read_at_ != loop_->now()) {
    clock_read_at_ = loop_->now();
    unix_ms_ = runtime::kernel::wall_clock_ms();
  }
  return unix_ms_;
}

void Shard::accept(int fd, ShardListener& listener) {
  counters_.connections_accepted.add();
  ListenerCells& cells = counters_.meters.listeners.at(listener.slot());
  cells.accepted.add();
  const std::uint32_t most = plan_.settings.max_connections.value_or(snapshots_.current().max_connections);
  if (is_cut_off_ || counters_.connections_open.value() >= most) {
    counters_.connections_shed.add();
    cells.shed.add();
    runtime::kernel::close(fd);
    return;
  }
  const net::Address client = peer_of(fd);
  if (const auto& rule = listener.terms().proxy_header) [[unlikely]] {
    if (rule->from.contains(client)) {
      loop_->spawn("client", serve_announced(fd, client, &listener));
      return;
    }
    const bool is_gone = client.family() == AF_UNSPEC;
    if (!rule->serves_others || is_gone) {
      if (!is_gone) note_untrusted_proxy(*this, listener, client);
      runtime::kernel::close(fd);
      return;
    }
  }
  std::optional<ClientTable::Ticket> place = admit(client, listener.slot());
  if (!place) {
    runtime::kernel::close(fd);
    return;
  }
  loop_->spawn("client", serve(fd, client, std::move(*place), &listener));
}

std::optional<ClientTable::Ticket> Shard::admit(const net::Address& client, metrics::Slot listener) {
  auto place = clients_.admit(client, snapshots_.current().limits.max_connections_per_client);
  if (!place) {
    counters_.connections_shed_per_client.add();
    counters_.meters.listeners.at(listener).shed.add();
  }
  return place;
}

// As serve(), but whose connection it is stands in front of it.
Task<void> Shard::serve_announced(int fd, net::Address peer, ShardListener* listener) {
  runtime::Strand& strand = co_await runtime::this_strand();
  const metrics::Slot slot = listener->slot();
  counters_.connections_open.add();
  counters_.meters.listeners.at(slot).open.add();
  {
    Downstream connection(*this, strand, fd, peer, *listener);
    connections_.push_back(connection);
    const bool is_known = co_await receive_client_header(*this, connection);
    const auto place = is_known ? admit(connection.client(), slot) : std::nullopt;
    if (place) {
      co_await connection.run();
    } else {
      co_await connection.close();
    }
    connection.shard_hook.unlink();
  }
  counters_.connections_open.subtract();
  counters_.meters.listeners.at(slot).open.subtract();
}

Task<void> Shard::serve(int fd, net::Address client, ClientTable::Ticket /*place*/, ShardListener* listener) {
  runtime::Strand& strand = co_await runtime::this_strand();
  const metrics::Slot slot = listener->slot();  // another name may come meanwhile
  counters_.connections_open.add();
  counters_.meters.listeners.at(slot).open.add();
  {
    Downstream connection(*this, strand, fd, client, *listener);
    connections_.push_back(connection);
    co_await connection.run();
    connection.shard_hook.unlink();
  }
  counters_.connections_open.subtract();
  counters_.meters.listeners.at(slot).open.subtract();
}

void Shard::begin_drain(Duration timeout) {
  if (is_draining_) return;
  is_draining_ = true;
  drain_timer_ = std::make_unique<DrainTimer>(*this);
  loop_->wheel().arm(*drain_timer_, loop_->now() + timeout);
  loop_->spawn("drain", close_listeners());
}

Task<void> Shard::close_listeners() {
  for (auto& listener : listeners_) {
    listener->use();
    listener->remove();
    co_await listener->socket().close();
  }
  for (auto& listener : listeners_) {
    removed_listeners_.push_back(std::move(listener));
    removed_listeners_.back()->end_use();
  }
  listeners_.clear();
  // stop() makes what is given back to the pools from now on close at once.
  loop_->stop();
  upstreams_.evict_idle();
  co_await close_idle_connections();
}

// Those that nothing more may come on.
Task<void> Shard::close_idle_connections() {
  // A connection that has not had a request yet may have one on its way: it gets a moment.
  const Instant grace_end = loop_->now() + new_connection_grace;
  while (close_idle(/*also_new=*/loop_->now() >= grace_end) && loop_->now() < grace_end) {
    if (!co_await runtime::sleep_until(loop_->now() + new_connection_grace / 10)) co_return;
  }
  (void)close_idle(/*also_new=*/true);
}

// Whether idle connections are left that have not had a request yet.
bool Shard::close_idle(bool also_new) {
  bool has_new = false;
  for (Downstream* connection = connections_.front(); connection != nullptr;
       connection = connections_.next(*connection)) {
    if (!connection->is_idle() || connection->may_go_on()) continue;
    if (connection->requests() > 0 || also_new) {
      connection->strand().cancel();
    } else {
      has_new = true;
    }
  }
  return has_new;
}

void Shard::cut_off() {
  if (!is_draining_) begin_drain(Duration(0));
  is_cut_off_ = true;
  for (Downstream* connection = connections_.front(); connection != nullptr;
       connection = connections_.next(*connection)) {
    has_broken_off_ = has_broken_off_ || connection->is_serving();
  }
  loop_->cancel_roots();
}

void Shard::log(const AccessLogEntry& entry) {
  const LogLayout& layout = snapshots_.current().log;
  LogRing& ring = *log_.ring;
  bool is_half_full = false;
  bool is_taken = true;
  if (std::span<char> room = ring.room(); room.size() >= log_line_bytes_max) {
    is_half_full = ring.commit(write_log_line(room.first<log_line_bytes_max>(), entry, layout));
  } else {
    char line[log_line_bytes_max];
    is_taken = ring.push({line, write_log_line(line, entry, layout)}, is_half_full);
  }
  (is_taken ? counters_.log_lines : counters_.log_lines_dropped).add();
  if (is_half_full) log_.writer->wake();
}

}  // namespace sluice::proxy
