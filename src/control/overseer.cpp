#include "control/overseer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include "base/assert.hpp"
#include "runtime/kernel.hpp"
#include "runtime/privileges.hpp"
#include "runtime/requirements.hpp"
#include "runtime/topology.hpp"

namespace sluice::control {

Overseer::Overseer(std::function<void(std::string_view)> say) : say_(std::move(say)) {}

Overseer::~Overseer() { SLUICE_ASSERT(!thread_.joinable()); }

void Overseer::add(const OverseenShard& shard) {
  watched_.push_back(std::make_unique<Watched>(shard, runtime::TurnWatch(*shard.activity, shard.turn_max)));
}

bool Overseer::start() {
  try {
    thread_ = std::thread(&Overseer::run, this);
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void Overseer::stop() {
  {
    const std::lock_guard lock(mutex_);
    must_stop_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Four looks in the time that a turn may take: one that is reported has taken at most a quarter longer.
Duration Overseer::pause() const {
  Duration pause = std::chrono::milliseconds(250);
  for (const auto& watched : watched_) {
    if (watched->shard.turn_max.count() != 0) pause = std::min(pause, watched->shard.turn_max / 4);
  }
  return pause;
}

void Overseer::run() {
  runtime::drop_thread_capabilities();
  runtime::name_this_thread("sluice-overseer");
  const Duration pause_between = pause();
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, pause_between, [this] { return must_stop_; })) {
    lock.unlock();
    const Instant now = runtime::kernel::now();
    look_at_turns(now);
    look_at_descriptors(now);
    lock.lock();
  }
}

void Overseer::look_at_turns(Instant now) {
  for (auto& watched : watched_) {
    if (watched->shard.turn_max.count() == 0) continue;
    const std::uint64_t before = watched->turns.reports();
    const auto news = watched->turns.look(now);
    if (!news) continue;
    if (watched->turns.reports() != before) watched->shard.counters->watchdog_reports.add();
    say_(fmt::format("shard {} {}", watched->shard.index, *news));
  }
}

void Overseer::look_at_descriptors(Instant now) {
  std::uint64_t count = 0;
  for (const auto& watched : watched_) count += watched->shard.counters->descriptor_shortages.value();
  switch (descriptors_.look(count, now)) {
    case ShortageWatch::News::none:
      break;
    case ShortageWatch::News::begins:
      say_(fmt::format(
          "no descriptors are left (the limit is {}): new connections wait, and requests that need one to an "
          "endpoint are answered with 503; raise the limit ('ulimit -n', LimitNOFILE= in systemd) or "
          "lower limits.max_connections",
          runtime::descriptor_limit()));
      break;
    case ShortageWatch::News::is_over:
      say_(fmt::format("there are descriptors again; {} times there was none", descriptors_.since_begin()));
      break;
  }
}

}  // namespace sluice::control
