#include "world.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/assert.hpp"
#include "ring.hpp"

namespace sluice::fault {

namespace {

World* current_world = nullptr;

}  // namespace

World::World(std::uint64_t seed, FaultPlan plan)
    : seed_(seed),
      plan_(std::move(plan)),
      scenario_random_(seed),
      kernel_random_(seed ^ 0x6b65726e656cU),
      fault_random_(seed ^ 0x6661756c74U),
      previous_(std::exchange(current_world, this)),
      network_(std::make_shared<Network>(plan_.socket_bytes)),
      descriptors_(plan_.descriptor_limit) {}

World::~World() {
  SLUICE_ASSERT(current_world == this);
  // Rings that were left open unregister themselves here.
  descriptors_ = Descriptors(plan_.descriptor_limit);
  current_world = previous_;
}

World& World::current() {
  SLUICE_ASSERT(current_world != nullptr);
  return *current_world;
}

void World::after(Duration delay, std::function<void()> action) {
  actions_.push_back({now_ + delay, std::move(action)});
}

Peer World::connect(const Address& address) {
  auto socket = std::make_shared<Socket>(network_, address.family());
  return socket->connect(address) == 0 ? Peer(std::move(socket)) : Peer();
}

PeerListener World::listen(const Address& address, int backlog) {
  auto socket = std::make_shared<Socket>(network_, address.family());
  int error = socket->bind(address);
  if (error == 0) error = socket->listen(backlog);
  SLUICE_ASSERT(error == 0);
  return PeerListener(std::move(socket));
}

void World::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void World::expect(bool holds, std::string_view what) {
  if (!holds) fail("expected: " + std::string(what));
}

void World::expect_zero(std::string_view counter, std::uint64_t count) {
  if (count != 0) fail(std::string(counter) + " left over: " + std::to_string(count));
}

std::size_t World::operations_in_flight() const {
  std::size_t count = 0;
  for (const Ring* ring : rings_) count += ring->operations_in_flight();
  return count;
}

void World::fatal(std::string_view what) {
  if (on_fatal_) on_fatal_(what);
  std::fprintf(stderr, "fault: seed %llu, %llu events, injected [%s]: %.*s; open: %s\n",
               static_cast<unsigned long long>(seed_), static_cast<unsigned long long>(event_count_),
               to_string(injected_).c_str(), static_cast<int>(what.size()), what.data(),
               describe_descriptors().c_str());
  std::abort();
}

std::optional<Fault> World::event(Call call, Stage stage, const Circumstance& circumstance) {
  std::uint64_t index = event_count_++;
  std::vector<Fault> possible = possible_faults(call, stage, circumstance);
  std::optional<Fault> chosen = choose(index, possible);
  if (chosen) injected_.push_back({index, *chosen});
  if (records_) events_.push_back({index, call, stage, std::move(possible)});
  return chosen;
}

std::optional<Fault> World::choose(std::uint64_t index, const std::vector<Fault>& possible) {
  for (const PlannedFault& planned : plan_.faults) {
    if (planned.index == index && std::find(possible.begin(), possible.end(), planned.fault) != possible.end()) {
      return planned.fault;
    }
  }
  if (plan_.one_in == 0 || possible.empty() || random_faults_ >= plan_.random_faults_max) return std::nullopt;
  if (!fault_random_.one_in(plan_.one_in)) return std::nullopt;
  ++random_faults_;
  return possible[fault_random_.below(possible.size())];
}

int World::close_descriptor(int fd) {
  std::shared_ptr<File> found = file(fd, "close");
  if (found == nullptr) return -EBADF;
  if (checks_lifetimes && found->operations != 0) {
    fail("close of descriptor " + std::to_string(fd) + " (" + found->describe() +
         ") with operations in flight: " + std::to_string(found->operations));
  }
  (void)descriptors_.remove(fd);
  return 0;
}

void World::count_enter() {
  if (++enters_ > plan_.enters_max) fatal("livelock: too many calls of ring_enter");
  if (plan_.peers_interrupt && kernel_random_.one_in(3)) run_idle();
}

bool World::run_idle() {
  // A callback may turn another shard's loop, whose ring then asks again.
  if (is_idle_running_) return false;
  is_idle_running_ = true;
  bool did_something = run_due_actions();
  for (std::size_t i = 0; i < idle_scripts_.size(); ++i) did_something |= idle_scripts_[i]->run();
  is_idle_running_ = false;
  if (did_something && ++idle_runs_ > plan_.enters_max) fatal("livelock: a scripted peer never rests");
  if (did_something) ++progress_;
  return did_something;
}

bool World::run_due_actions() {
  bool did_something = false;
  for (;;) {
    auto due =
        std::find_if(actions_.begin(), actions_.end(), [this](const Action& action) { return action.at <= now_; });
    if (due == actions_.end()) return did_something;
    std::function<void()> run = std::move(due->run);
    actions_.erase(due);
    run();
    did_something = true;
  }
}

bool World::should_yield(Ring& waiting) {
  waiting.waited_at_progress = progress_;
  bool all_wait = std::all_of(rings_.begin(), rings_.end(),
                              [this](const Ring* ring) { return ring->waited_at_progress == progress_; });
  if (all_wait) return false;
  if (yields_progress_ != progress_) {
    yields_progress_ = progress_;
    yields_ = 0;
  }
  // A ring whose loop has ended never waits again: it has had its chance.
  return ++yields_ <= 4 * rings_.size();
}

Instant World::next_event() const {
  Instant next = Instant::never();
  for (const Ring* ring : rings_) next = std::min(next, ring->next_event());
  for (const Action& action : actions_) next = std::min(next, action.at);
  return next;
}

void World::pass_time(Instant limit) {
  Instant next = std::min(limit, next_event());
  if (next.is_never()) fatal("deadlock: nothing will ever happen");
  now_ = std::max(now_, next);
  ++progress_;
}

}  // namespace sluice::fault
