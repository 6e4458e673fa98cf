#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "control/server.hpp"
#include "proxy/compile.hpp"
#include "runtime/kernel.hpp"
#include "runtime/notice.hpp"

namespace sluice::control {

namespace {

void apply(runtime::Loop& /*loop*/, std::uintptr_t shard, std::uintptr_t change) {
  reinterpret_cast<proxy::Shard*>(shard)->apply(*reinterpret_cast<proxy::ShardChange*>(change));
}

}  // namespace

void Server::reload() {
  if (is_draining_) {
    runtime::notice("draining: the file is not read again");
    return;
  }
  if (status_.is_under_way) {
    is_reload_wanted_ = true;
    return;
  }
  begin_reload();
}

void Server::begin_reload() {
  is_reload_wanted_ = false;
  auto prepared = load_();
  if (!prepared) return refuse(prepared.error());
  auto made = make(std::move(*prepared));
  if (!made) return refuse(made.error());
  publish(std::move(*made));
}

// Everything that can fail, and nothing that anybody notices.
std::expected<Server::Made, Server::Words> Server::make(Prepared prepared) {
  Words reasons = restart_reasons(configuration_, prepared.configuration, block_bytes_);
  if (!reasons.empty()) return std::unexpected(std::move(reasons));
  meters_.assign(prepared.configuration);
  auto made = make_parts(std::move(prepared));
  if (made) {
    meters_.commit();
  } else {
    meters_.roll_back();
  }
  return made;
}

std::expected<Server::Made, Server::Words> Server::make_parts(Prepared prepared) {
  Made made;
  made.configuration = std::move(prepared.configuration);
  made.max_connections_default = prepared.max_connections_default;
  config::Problems problems(made.configuration.files);
  auto add = [&problems](config::Problem problem) { problems.add(problem.place, std::move(problem.message)); };
  made.listeners = diff_listeners(listeners_, made.configuration.listeners);
  for (const net::ListenerSettings& settings : made.listeners.added) {
    auto opened = NewListener::open(settings, ++listeners_made_, workers_.size(), made.listeners.removed);
    if (opened) {
      made.added.push_back(std::move(*opened));
    } else {
      add(std::move(opened.error()));
    }
  }
  for (const OpenListener& before : made.listeners.updated) {
    auto after = std::ranges::find(made.listeners.kept, before.id, &OpenListener::id);
    if (auto update = update_of(before, after->settings)) {
      made.updated.push_back(std::move(*update));
    } else {
      add(std::move(update.error()));
    }
  }
  if (auto log = make_log(made, /*is_in_vain=*/!problems.is_empty()); !log) {
    add({made.configuration.log.given.place_of("access"), log.error()});
  }
  // Last, and all of them bound by now: a socket that takes connections of one of ours must not be closed again.
  if (problems.is_empty()) {
    for (NewListener& added : made.added) {
      if (auto begun = added.listen(); !begun) add(std::move(begun.error()));
    }
  }
  if (!problems.is_empty()) return std::unexpected(problems.lines());
  return made;
}

std::expected<void, std::string> Server::make_log(Made& made, bool is_in_vain) {
  made.changes_log = made.configuration.log != configuration_.log;
  if (!made.changes_log) {
    for (auto& worker : workers_) made.targets.push_back(worker->log);
    return {};
  }
  // An empty file would be what it leaves behind.
  if (is_in_vain) return check_log(made.configuration.log);
  auto log = open_log(made.configuration.log, workers_.size(), made.targets);
  if (!log) return std::unexpected(log.error());
  made.log = std::move(*log);
  return {};
}

// The snapshot first: a connection on a new listener meets the routes that it was added with.
void Server::publish(Made made) {
  words_under_way_ = words_of(made);
  snapshots_->publish(proxy::compile(made.configuration,
                                     {.shards = shards(), .max_connections = made.max_connections_default},
                                     &snapshots_->latest()));
  status_.is_under_way = true;
  status_.since_unix_ms = runtime::kernel::wall_clock_ms();
  if (made.changes_log) {
    old_log_ = std::exchange(log_, std::move(made.log));
  }
  // Before the sockets are closed: who can still connect will be served.
  for (OpenListener& removed : made.listeners.removed) removed.file.remove();
  for (OpenListener& kept : made.listeners.kept) kept.file.set_mode(kept.settings.file_mode().bits);
  for (auto& worker : workers_) {
    auto change = std::make_unique<proxy::ShardChange>();
    for (NewListener& added : made.added) {
      const net::ListenerSettings& settings = added.listener().settings;
      change->added.push_back({added.listener().id, settings.name.value, added.take(worker->index), settings.slot,
                               proxy::ListenerTerms(settings)});
    }
    change->updated = made.updated;
    for (const OpenListener& removed : made.listeners.removed) change->removed.push_back(removed.id);
    change->log = worker->log = made.targets[worker->index];
    change->on_done = [this] { signal(); };
    hand_over(*worker, std::move(change));
  }
  for (const NewListener& added : made.added) {
    runtime::notice(fmt::format("listening on {}", added.listener().bound.to_string()));
    made.listeners.kept.push_back(added.listener());
  }
  listeners_ = std::move(made.listeners.kept);
  configuration_ = std::move(made.configuration);
  max_connections_default_ = made.max_connections_default;
}

void Server::hand_over(Worker& worker, std::unique_ptr<proxy::ShardChange> change) {
  worker.change = std::move(change);
  const runtime::Message message{&apply, reinterpret_cast<std::uintptr_t>(worker.shard),
                                 reinterpret_cast<std::uintptr_t>(worker.change.get())};
  // A shard empties its mailbox in every turn; who may wait, waits.
  while (!worker.shard->loop().mailbox().post(message)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::string Server::words_of(const Made& made) const {
  const UpstreamDiff upstreams = diff_upstreams(configuration_.upstreams, made.configuration.upstreams);
  return fmt::format("listeners: {} added, {} removed, {} kept; upstreams: {} added, {} removed, {} changed, {} kept",
                     made.listeners.added.size(), made.listeners.removed.size(), made.listeners.kept.size(),
                     upstreams.added, upstreams.removed, upstreams.changed, upstreams.kept);
}

void Server::refuse(const Words& words) {
  status_.last = ReloadResult::refused;
  status_.last_unix_ms = runtime::kernel::wall_clock_ms();
  status_.last_words = words;
  ++status_.refused;
  for (const std::string& line : words) runtime::notice(line);
  runtime::notice(fmt::format("not reloaded: generation {} goes on unchanged", snapshots_->generation()));
}

// Every shard has taken it over, or has still to.
void Server::end_reload() {
  for (auto& worker : workers_) {
    if (worker->change && !worker->change->is_done.load(std::memory_order_acquire)) return;
  }
  for (auto& worker : workers_) worker->change.reset();
  end_log_change();
  status_.is_under_way = false;
  status_.last = ReloadResult::taken;
  status_.last_unix_ms = runtime::kernel::wall_clock_ms();
  ++status_.taken;
  status_.last_words = {fmt::format("reloaded: generation {}; {}; snapshots alive: {}", snapshots_->generation(),
                                    words_under_way_, snapshots_->reclaim())};
  runtime::notice(status_.last_words.front());
  if (is_reload_wanted_) begin_reload();
}

// The old file gets its last lines before the new writer begins: they may be the same file.
void Server::end_log_change() {
  if (old_log_) log_lines_lost_ += old_log_->stop();
  old_log_.reset();
  if (log_) log_->begin();
}

ReloadStatus Server::reload_status() const {
  ReloadStatus status = status_;
  status.generation = snapshots_ ? snapshots_->generation() : 0;
  status.snapshots_alive = snapshots_ ? snapshots_->alive() : 0;
  return status;
}

}  // namespace sluice::control
