#include "worker.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <future>
#include <system_error>
#include <utility>

#include "base/assert.hpp"
#include "limits.hpp"
#include "runtime/kernel.hpp"
#include "runtime/topology.hpp"

namespace sluice::load {
namespace {

constexpr std::size_t short_buffers_from = 256;  // connections: beyond, memory counts more than a long body's copies

Duration cpu_of_this_thread() {
  rusage used{};
  (void)getrusage(RUSAGE_THREAD, &used);
  const auto both = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return both(used.ru_utime) + both(used.ru_stime);
}

std::string system_text(const Error& error) { return std::generic_category().message(error.os_error); }

}  // namespace

Worker::Worker(const Plan& plan, unsigned index, int cpu, std::function<void()> on_end)
    : plan_(plan),
      index_(index),
      cpu_(cpu),
      on_end_(std::move(on_end)),
      schedule_(std::max<std::uint64_t>(plan.rate, 1), plan.connections, index, plan.threads) {
  starts_left_ = plan.requests == 0 ? UINT64_MAX : share_of_requests();
}

std::uint64_t Worker::share_of_requests() const {
  return plan_.requests / plan_.threads + (index_ < plan_.requests % plan_.threads ? 1 : 0);
}

std::optional<std::string> Worker::start() {
  std::promise<std::optional<std::string>> started;
  std::future<std::optional<std::string>> outcome = started.get_future();
  thread_ = std::thread([this, &started] {
    // `started` is gone once it was told.
    run([&started](std::optional<std::string> problem) { started.set_value(std::move(problem)); });
  });
  std::optional<std::string> problem = outcome.get();
  if (problem) thread_.join();
  return problem;
}

void Worker::run(const std::function<void(std::optional<std::string>)>& tell_start) {
  runtime::name_this_thread(("load-" + std::to_string(index_)).c_str());
  std::optional<std::string> problem = open();
  const bool is_open = !problem;
  tell_start(std::move(problem));
  if (is_open) {
    run_load();
    on_end_();
    may_close_.get_future().wait();  // an interrupt() may still be under way
  }
  close();
}

std::optional<std::string> Worker::open() {
  if (cpu_ >= 0 && !runtime::pin_this_thread(cpu_)) return "cannot run on CPU " + std::to_string(cpu_);
  // Without this the kernel ends each wait up to 50 µs late.
  (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  runtime::LoopSettings settings;
  settings.index = index_;
  auto loop = runtime::Loop::open(settings);
  if (!loop) return "cannot open an io_uring: " + system_text(loop.error());
  loop_ = std::move(*loop);
  const auto own = static_cast<std::size_t>(Schedule::own_connections(plan_.connections, index_, plan_.threads));
  const auto count =
      std::clamp(static_cast<unsigned>(std::bit_ceil(2 * own)), receive_buffers_min, receive_buffers_max);
  const std::size_t bytes = own > short_buffers_from ? receive_buffer_bytes / 4 : receive_buffer_bytes;
  auto buffers = runtime::BufferRing::open(*loop_, bytes, count);
  if (!buffers) return "cannot register receive buffers: " + system_text(buffers.error());
  buffers_ = std::move(*buffers);
  tally_.responses_of_url.resize(plan_.mix.request_count());
  unused_bytes_.resize(skip_bytes_max);
  // Spread over the cycle, so that they do not all ask for the same at once.
  for (std::size_t i = 0; i < own; ++i) {
    const std::size_t place = (index_ + i * plan_.threads) % plan_.mix.cycle();
    clients_.push_back(std::make_unique<Client>(*this, i, place));
  }
  return std::nullopt;
}

void Worker::run_load() {
  if (plan_.keep_alive) unprepared_ = clients_.size();
  for (const auto& client : clients_) loop_->spawn("client", client->run());
  loop_->stop();  // from here on a turn in which the last of them ends waits for nothing more
  while (loop_->roots() != 0) {
    if (!has_begun_ && unprepared_ == 0) begin(loop_->now());
    // Together, so that all sends of a turn are submitted at once; they count from now.
    pump_all();
    loop_->turn(to_pump_.is_empty() ? next_moment() : loop_->now());
    const Instant now = loop_->now();
    if (!is_measuring_ && now >= measured_from_) begin_measuring();
    if (plan_.is_open_loop() && has_begun_ && !is_over_) release_due(now);
    if (now >= ends_at_ && !is_over_) {
      pump_all();  // what became due in this very turn
      end_load(now);
    }
    publish();
  }
  const bool is_by_time = is_over_ && over_at_ >= measured_from_;
  elapsed_ = std::max(Duration(0), (is_by_time ? over_at_ : last_end_) - std::min(measured_from_, last_end_));
  if (!is_measuring_) return;
  cpu_time_ = cpu_of_this_thread() - cpu_before_;
  if (watches_server()) server_cpu_time_ = ServerCpu::read(plan_.server).since(server_before_);
}

void Worker::close() {
  while (to_pump_.pop_front() != nullptr) continue;
  clients_.clear();
  if (loop_) {
    loop_->stop();
    loop_->run();
  }
  buffers_.reset();
  loop_.reset();
}

Instant Worker::next_moment() const {
  if (!has_begun_ || is_over_) return Instant::never();
  Instant next = ends_at_;
  if (!is_measuring_) next = std::min(next, measured_from_);
  if (plan_.is_open_loop() && starts_left_ != 0) next = std::min(next, begun_at_ + schedule_.due(released_));
  return next;
}

void Worker::begin(Instant now) {
  has_begun_ = true;
  begun_at_ = last_release_ = last_end_ = now;
  measured_from_ = now + plan_.warm_up;
  if (plan_.duration) ends_at_ = measured_from_ + *plan_.duration;
  if (plan_.warm_up.count() == 0) begin_measuring();
  wake_all();
}

void Worker::begin_measuring() {
  is_measuring_ = true;
  if (watches_server()) server_before_ = ServerCpu::read(plan_.server);
  cpu_before_ = cpu_of_this_thread();
}

// Deals out what the schedule says.
void Worker::release_due(Instant now) {
  previous_release_ = std::exchange(last_release_, now);
  while (starts_left_ != 0) {
    const Instant due = begun_at_ + schedule_.due(released_);
    if (due > now || due >= ends_at_) break;
    if (due >= measured_from_ && starts_left_ != UINT64_MAX) --starts_left_;
    Client& client = *clients_[schedule_.connection_of(released_)];
    ++released_;
    client.add_due();
    want_pump(client);
    if (starts_left_ == 0) wake_all();  // those that have nothing to wait for any more end
  }
}

bool Worker::may_start(const Client& client) const {
  if (is_over_ || is_interrupted_) return false;
  return starts_left_ != 0 || (plan_.is_open_loop() && client.has_due());
}

std::optional<Instant> Worker::take_start(const Client& client, Instant now) {
  if (!has_begun_ || is_over_) return std::nullopt;
  Instant due = now;
  if (plan_.is_open_loop()) {
    if (!client.has_due()) return std::nullopt;
    due = begun_at_ + schedule_.due(client.index(), client.taken());
    // What had to wait for its connection tells nothing about this program's own lateness.
    if (due >= measured_from_ && due > previous_release_) tally_.start_lags.add(now - due);
  } else {
    if (starts_left_ == 0) return std::nullopt;
    if (due >= measured_from_ && starts_left_ != UINT64_MAX) --starts_left_;
    if (starts_left_ == 0) wake_all();  // those that wait for one end
  }
  if (due >= measured_from_) ++tally_.started;
  return due;
}

// Nothing is started any more; what is under way is awaited.
void Worker::end_load(Instant now) {
  is_over_ = true;
  over_at_ = std::min(now, ends_at_);
  for (const auto& client : clients_) {
    client->forgo_due([&](std::uint64_t turn) {
      const Instant due = begun_at_ + schedule_.due(client->index(), turn);
      if (due < measured_from_) return;
      ++tally_.unsent;
      tally_.latencies.add(over_at_ - due);
    });
  }
  wake_all();
}

void Worker::join() {
  may_close_.set_value();
  thread_.join();
}

void Worker::interrupt() {
  while (!loop_->mailbox().post({on_interrupt, reinterpret_cast<std::uintptr_t>(this), 0})) std::this_thread::yield();
}

void Worker::on_interrupt(runtime::Loop& loop, std::uintptr_t worker, std::uintptr_t /*unused*/) {
  auto& self = *reinterpret_cast<Worker*>(worker);  // NOLINT(performance-no-int-to-ptr): a message carries words
  if (!self.is_over_) self.end_load(loop.now());
  self.is_interrupted_ = true;
  loop.cancel_roots();
}

void Worker::wake_all() {
  for (const auto& client : clients_) want_pump(*client);
}

void Worker::pump_all() {
  const Instant now = loop_->now();
  List<Client, &Client::pump_hook_> batch;
  batch.splice_back(to_pump_);
  while (Client* client = batch.pop_front()) client->pump(now);
}

void Worker::publish() {
  progress_.responses.set(tally_.responses);
  progress_.errors.set(tally_.all_errors());
  progress_.bytes_received.set(tally_.bytes_received);
}

void Worker::note_connection() {
  if (is_measuring_ || plan_.keep_alive) ++tally_.connections;
}

void Worker::note_response(const Start& start, const ResponseReader& response) {
  if (!is_counted(start)) return;
  last_end_ = loop_->now();
  ++tally_.responses;
  if (!is_over_) ++tally_.responses_in_time;
  tally_.latencies.add(last_end_ - start.due);
  const int status = response.status();
  ++tally_.statuses[static_cast<std::size_t>(status)];
  ++tally_.responses_of_url[plan_.mix.request_at(start.place)];
  if (status < 200 || status > 399) tally_.note(ErrorKind::status);
  if (!response.is_as_expected()) tally_.note(ErrorKind::body);
}

void Worker::note_failure(const Start& start, ErrorKind kind) {
  if (!is_counted(start)) return;
  last_end_ = loop_->now();
  tally_.note(kind);
}

void Worker::note_abandoned(const Start& start) {
  if (is_counted(start)) ++tally_.abandoned;
}

void Worker::note_stray() {
  if (!is_measuring_) return;
  ++tally_.started;
  tally_.note(ErrorKind::malformed);
}

}  // namespace sluice::load
