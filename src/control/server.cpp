#include "control/server.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <expected>
#include <system_error>

#include "base/assert.hpp"
#include "memory/frame_pool.hpp"
#include "memory/heap.hpp"
#include "proxy/compile.hpp"
#include "runtime/kernel.hpp"
#include "runtime/notice.hpp"
#include "runtime/privileges.hpp"
#include "runtime/topology.hpp"

namespace sluice::control {

namespace {

std::string describe(const Error& error) {
  return error.os_error != 0 ? std::string(std::strerror(error.os_error)) : std::string(to_string(error.code));
}

std::unexpected<std::string> log_failure(const proxy::LogSettings& settings, const Error& error) {
  return std::unexpected(fmt::format("cannot open the access log {}: {}", settings.access, describe(error)));
}

}  // namespace

Server::Server(Prepared prepared, Loader load)
    : configuration_(std::move(prepared.configuration)),
      max_connections_default_(prepared.max_connections_default),
      load_(std::move(load)),
      block_bytes_(proxy::Shard::block_bytes(configuration_.limits)),
      overseer_(&runtime::notice) {}

Server::~Server() {
  for (auto& worker : workers_) SLUICE_ASSERT(!worker->thread.joinable());
  if (event_ >= 0) ::close(event_);
}

std::expected<void, std::string> Server::open_first_sockets() {
  for (const net::ListenerSettings& settings : configuration_.listeners) {
    auto opened = NewListener::open(settings, ++listeners_made_, workers_.size(), {});
    if (!opened) return std::unexpected(std::move(opened.error().message));
    for (auto& worker : workers_) {
      worker->sockets.push_back({opened->listener().id, settings.name.value, opened->take(worker->index), settings.slot,
                                 proxy::ListenerTerms(settings)});
    }
    listeners_.push_back(opened->listener());
  }
  return {};
}

// Nobody can connect from here on, so closing the sockets turns nobody away.
void Server::remove_socket_files() {
  for (OpenListener& listener : listeners_) listener.file.remove();
}

std::expected<void, std::string> check_log(const proxy::LogSettings& settings) {
  if (!settings.is_access_on()) return {};
  if (auto log = proxy::LogWriter::check(settings.access); !log) return log_failure(settings, log.error());
  return {};
}

std::expected<std::unique_ptr<proxy::LogWriter>, std::string> open_log(const proxy::LogSettings& settings,
                                                                       std::size_t shards,
                                                                       std::vector<proxy::LogTarget>& targets) {
  targets.assign(shards, {});
  if (!settings.is_access_on()) return nullptr;
  auto log = proxy::LogWriter::open(settings.access, settings.flush);
  if (!log) return log_failure(settings, log.error());
  for (proxy::LogTarget& target : targets) target = {log->get(), &(*log)->add_ring(std::bit_ceil(settings.buffer))};
  if (!(*log)->start(/*is_held=*/true)) {
    return std::unexpected("cannot start the log's thread; look at 'ulimit -u' and pids.max");
  }
  return std::move(*log);
}

std::expected<void, std::string> Server::open_first_log() {
  std::vector<proxy::LogTarget> targets;
  auto log = open_log(configuration_.log, workers_.size(), targets);
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);
  for (auto& worker : workers_) worker->log = targets[worker->index];
  if (log_) log_->begin();
  return {};
}

std::expected<void, std::string> Server::start() {
  const std::vector<proxy::ShardSettings> settings = configuration_.resolved_shards(runtime::read_cpu_facts());
  const auto count = static_cast<unsigned>(settings.size());
  event_ = runtime::kernel::event_open();
  if (event_ < 0) return std::unexpected(fmt::format("eventfd failed: {}", std::strerror(-event_)));
  for (unsigned index = 0; index < count; ++index) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->index = index;
    workers_.back()->settings = settings[index];
  }
  auto fail = [this](std::string message) {
    for (auto& worker : workers_) {
      for (proxy::ListenerSocket& socket : worker->sockets) ::close(socket.fd);
    }
    remove_socket_files();
    workers_.clear();
    return std::unexpected(std::move(message));
  };
  meters_.assign(configuration_);
  meters_.commit();
  if (auto opened = open_first_sockets(); !opened) return fail(opened.error());
  if (auto opened = open_first_log(); !opened) return fail(opened.error());

  snapshots_ = std::make_unique<proxy::SnapshotPublisher>(
      proxy::compile(configuration_, {.shards = count, .max_connections = max_connections_default_}), count);
  status_.since_unix_ms = runtime::kernel::wall_clock_ms();

  for (auto& worker : workers_) {
    try {
      worker->thread = std::thread(&Server::run_worker, this, std::ref(*worker), plan_for(*worker));
    } catch (const std::system_error& error) {
      worker->error = error_from_errno(error.code().value());
      for (proxy::ListenerSocket& socket : worker->sockets) ::close(socket.fd);
      worker->phase.store(Phase::failed);
    }
  }
  for (auto& worker : workers_) worker->phase.wait(Phase::starting);
  for (auto& worker : workers_) {
    if (worker->phase.load() != Phase::failed) continue;
    std::string message = fmt::format(
        "shard {} cannot start: {}; look at 'ulimit -u', pids.max, 'ulimit -n' and 'ulimit -l', or lower 'shards'",
        worker->index, describe(worker->error));
    cut_off();
    join();
    workers_.clear();
    return std::unexpected(std::move(message));
  }
  return start_overseer();
}

std::expected<void, std::string> Server::start_overseer() {
  for (auto& worker : workers_) {
    overseer_.add({.index = worker->index,
                   .activity = &worker->shard->loop().activity(),
                   .counters = &worker->counters,
                   .turn_max = worker->settings.watchdog.value});
  }
  if (overseer_.start()) return {};
  cut_off();
  join();
  workers_.clear();
  return std::unexpected("cannot start the overseer's thread; look at 'ulimit -u' and pids.max");
}

proxy::ShardPlan Server::plan_for(Worker& worker) {
  proxy::ShardPlan plan;
  plan.index = worker.index;
  plan.settings = worker.settings;
  plan.listeners = worker.sockets;
  plan.first_snapshot = snapshots_->newest();
  plan.on_snapshot_released = [this] { signal(); };
  plan.log = worker.log;
  return plan;
}

void Server::run_worker(Worker& worker, proxy::ShardPlan plan) {
  runtime::name_this_thread(fmt::format("sluice-{}", worker.index).c_str());
  runtime::drop_thread_capabilities();
  if (worker.settings.cpu) (void)runtime::pin_this_thread(*worker.settings.cpu);
  auto shard = proxy::Shard::open(std::move(plan), worker.counters);
  if (!shard) {
    worker.error = shard.error();
    for (proxy::ListenerSocket& socket : worker.sockets) ::close(socket.fd);
    worker.phase.store(Phase::failed);
    worker.phase.notify_all();
    signal();
    return;
  }
  worker.shard = shard->get();
  worker.phase.store(Phase::serving);
  worker.phase.notify_all();
  (*shard)->run();
  worker.has_broken_off = (*shard)->has_broken_off();
  worker.heap_allocations = memory::heap_allocations_of_this_thread();
  worker.submission_shortages = (*shard)->loop().counters().submission_shortages.load();
  worker.turns = (*shard)->loop().counters().turns.load();
  worker.busy_ns = (*shard)->loop().counters().busy_ns.load();
  worker.buffer_shortages = (*shard)->buffers().shortages();
  worker.pipe_shortages = (*shard)->pipes().shortages();
  worker.phase.store(Phase::finished);
  worker.phase.notify_all();
  signal();
  // The control thread may be posting to this loop right now.
  may_end_.wait(false);
  (*shard)->loop().mailbox().deliver();  // what came too late, before what it speaks of is gone
}

void Server::signal() const { (void)runtime::kernel::event_signal(event_); }

void Server::post(void (*run)(runtime::Loop&, std::uintptr_t, std::uintptr_t), std::uintptr_t argument) {
  for (auto& worker : workers_) {
    if (worker->phase.load() != Phase::serving) continue;
    proxy::Shard* shard = worker->shard;
    // The control thread is the only sender and sends few messages: the mailbox has room.
    (void)shard->loop().mailbox().post({run, reinterpret_cast<std::uintptr_t>(shard), argument});
  }
}

std::vector<ShardView> Server::shard_views() const {
  std::vector<ShardView> views;
  for (const auto& worker : workers_) {
    ShardView& view = views.emplace_back();
    view.index = worker->index;
    view.counters = &worker->counters;
    if (worker->phase.load() != Phase::serving) continue;
    view.loop = &worker->shard->loop().counters();
    view.buffers = &worker->shard->buffers();
    view.pipes = &worker->shard->pipes();
  }
  return views;
}

bool Server::ask(unsigned shard, proxy::Census& census) {
  Worker& worker = *workers_[shard];
  if (worker.phase.load() != Phase::serving) return false;
  auto fill = [](runtime::Loop&, std::uintptr_t asked, std::uintptr_t question) {
    reinterpret_cast<proxy::Census*>(question)->fill(*reinterpret_cast<proxy::Shard*>(asked));
  };
  return worker.shard->loop().mailbox().post(
      {fill, reinterpret_cast<std::uintptr_t>(worker.shard), reinterpret_cast<std::uintptr_t>(&census)});
}

void Server::drain() {
  is_draining_ = true;
  is_reload_wanted_ = false;
  remove_socket_files();
  auto begin = [](runtime::Loop&, std::uintptr_t shard, std::uintptr_t timeout_ns) {
    reinterpret_cast<proxy::Shard*>(shard)->begin_drain(Duration(static_cast<std::int64_t>(timeout_ns)));
  };
  post(begin, static_cast<std::uintptr_t>(configuration_.timeouts.drain.count()));
}

void Server::cut_off() {
  is_draining_ = true;
  is_reload_wanted_ = false;
  remove_socket_files();
  post([](runtime::Loop&, std::uintptr_t shard, std::uintptr_t) { reinterpret_cast<proxy::Shard*>(shard)->cut_off(); },
       0);
}

void Server::reopen_log() {
  if (log_) log_->reopen();
}

bool Server::handle_event() {
  std::uint64_t count = 0;
  (void)!::read(event_, &count, sizeof count);
  if (snapshots_) (void)snapshots_->reclaim();
  if (status_.is_under_way) end_reload();
  for (auto& worker : workers_) {
    Phase phase = worker->phase.load();
    if (phase == Phase::serving || phase == Phase::starting) return false;
  }
  return true;
}

bool Server::join() {
  for (auto& worker : workers_) worker->phase.wait(Phase::serving);
  overseer_.stop();  // before the loops that it looks at end
  may_end_.store(true);
  may_end_.notify_all();
  bool is_clean = true;
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;  // it never started
    worker->thread.join();
    is_clean = is_clean && !worker->has_broken_off;
  }
  end_log_change();
  log_lines_lost_ += log_ ? log_->stop() : 0;
  log_.reset();
  return is_clean;
}

std::vector<std::string> Server::summary() const {
  std::vector<std::string> lines;
  for (const auto& worker : workers_) {
    const proxy::ShardCounters& c = worker->counters;
    lines.push_back(fmt::format(
        "shard {}: connections={} shed={} shed_per_client={} requests={} 2xx_3xx={} 4xx={} 5xx={} own_replies={} "
        "client_gone={} "
        "upstream_connects={} upstream_reuses={} connect_failures={} upstream_failures={} retries={} aborted={} "
        "tunnels={} relays={} log_lines={} "
        "log_lines_dropped={} buffer_shortages={} pipe_shortages={} submission_shortages={} turns={} busy_ms={} "
        "heap_allocations={} descriptor_shortages={} watchdog_reports={}",
        worker->index, c.connections_accepted.value(), c.connections_shed.value(),
        c.connections_shed_per_client.value(), c.requests.value(), c.responses_2xx_3xx.value(), c.responses_4xx.value(),
        c.responses_5xx.value(), c.own_replies.value(), c.client_gone.value(), c.upstream_connects.value(),
        c.upstream_reuses.value(), c.connect_failures.value(), c.upstream_failures.value(), c.retries.value(),
        c.aborted_responses.value(), c.tunnels.value(), c.relays.value(), c.log_lines.value(),
        c.log_lines_dropped.value(), worker->buffer_shortages, worker->pipe_shortages, worker->submission_shortages,
        worker->turns, worker->busy_ns / 1'000'000, worker->heap_allocations, c.descriptor_shortages.value(),
        c.watchdog_reports.value()));
  }
  if (log_lines_lost_ != 0) {
    lines.push_back(fmt::format("{} lines of the access log could not be written any more", log_lines_lost_));
  }
  return lines;
}

}  // namespace sluice::control
