#include "proxy/census.hpp"

#include "proxy/downstream.hpp"
#include "proxy/exchange.hpp"
#include "proxy/shard.hpp"
#include "runtime/kernel.hpp"

namespace sluice::proxy {

void Census::fill(Shard& shard) {
  const Instant now = shard.loop().now();
  connections_ = static_cast<std::size_t>(shard.counters().connections_open.value());
  shard.for_each_connection([&](Downstream& connection) {
    if (count_ == rows_.size()) return false;
    connection.describe(rows_[count_++], now);
    return true;
  });
  shard.snapshots().for_each_held([&](std::uint64_t generation, std::size_t leases) {
    ++snapshots_;
    if (held_count_ < held_.size()) held_[held_count_++] = {generation, leases};
  });
  const int event = event_;  // with the answer all of this is the control thread's, and may be gone
  answered_.store(true, std::memory_order_release);
  (void)runtime::kernel::event_signal(event);
}

}  // namespace sluice::proxy
