#include "enumerate.hpp"

#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"

#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#endif

namespace sluice::fault {

namespace {

constexpr const char* replay_variable = "SLUICE_FAULT_REPLAY";

struct Replay {
  std::string scenario;
  std::uint64_t seed = 0;
  bool is_random = false;
  std::vector<PlannedFault> faults;
};

std::string replay_line(const Scenario& scenario, std::uint64_t seed, const std::vector<PlannedFault>& faults,
                        bool is_random) {
  return std::string(replay_variable) + '=' + scenario.name + ':' + std::to_string(seed) + ':' +
         (is_random ? "random" : to_string(faults));
}

std::optional<Replay> parse_replay(std::string_view text) {
  std::size_t name_end = text.find(':');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(name_end + 1);
  std::size_t seed_end = rest.find(':');
  auto seed = ascii::parse_decimal(rest.substr(0, seed_end));
  std::string_view tail = seed_end == std::string_view::npos ? "" : rest.substr(seed_end + 1);
  if (!seed) return std::nullopt;
  Replay replay{std::string(text.substr(0, name_end)), *seed, tail == "random", {}};
  if (replay.is_random) return replay;
  auto faults = parse_faults(tail);
  if (!faults) return std::nullopt;
  replay.faults = std::move(*faults);
  return replay;
}

// The run in progress, for the line that a crash prints. Fixed memory: a signal handler reads it.
char current_run[512];

void print_current_run() {
  std::fputs(current_run, stderr);
  std::fflush(stderr);
}

extern "C" void print_run_on_signal(int number) {
  print_current_run();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

// While it lives, an abort or a sanitizer report also says which run it was, and a run that spins without ever entering
// the ring, where World counts, dies of the processor time that it used.
class CrashLine {
 public:
  CrashLine(const std::string& replay, int processor_seconds_max) {
    std::snprintf(current_run, sizeof current_run, "fault: died in %s\n", replay.c_str());
    struct sigaction action{};
    action.sa_handler = print_run_on_signal;
    sigaction(SIGABRT, &action, &previous_abort_);
    sigaction(SIGVTALRM, &action, &previous_alarm_);
    set_processor_limit(processor_seconds_max);
#if __has_feature(address_sanitizer)
    __sanitizer_set_death_callback(print_current_run);
#endif
  }
  CrashLine(const CrashLine&) = delete;
  CrashLine& operator=(const CrashLine&) = delete;
  ~CrashLine() {
    set_processor_limit(0);
    sigaction(SIGVTALRM, &previous_alarm_, nullptr);
    sigaction(SIGABRT, &previous_abort_, nullptr);
    current_run[0] = '\0';
  }

 private:
  static void set_processor_limit(int seconds) {
    itimerval limit{};
    limit.it_value.tv_sec = seconds;
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
  }

  struct sigaction previous_abort_{};
  struct sigaction previous_alarm_{};
};

struct RunResult {
  std::string failure;
  std::vector<PlannedFault> injected;
};

RunResult run_world(const Scenario& scenario, std::uint64_t seed, const FaultPlan& plan, const std::string& replay,
                    std::vector<Event>* events) {
  CrashLine crash_line(replay, plan.processor_seconds_max);
  World world(seed, plan);
  if (events != nullptr) world.record_events();
  scenario.run(world);
  world.expect_zero("operations in flight", world.operations_in_flight());
  if (world.open_descriptors() != 0) world.fail("descriptors left open: " + world.describe_descriptors());
  world.expect_zero("bytes in sockets and pipes", world.pending_bytes());
  if (scenario.check) scenario.check(world);
  // The same scenario and seed must come to the same events: a fault that finds no place shows that they did not.
  if (world.injected().size() < plan.faults.size()) world.fail("not deterministic: a planned fault met no event");
  if (events != nullptr) *events = world.events();
  return {world.failure(), world.injected()};
}

void report(Outcome& outcome, const std::string& what, const std::string& replay) {
  outcome.failures.push_back("fault: " + what + " | " + replay);
}

void run_planned(Outcome& outcome, const Scenario& scenario, std::uint64_t seed, const FaultPlan& plan,
                 const std::string& where, std::vector<Event>* events = nullptr) {
  std::string replay = replay_line(scenario, seed, plan.faults, false);
  RunResult result = run_world(scenario, seed, plan, replay, events);
  ++outcome.runs;
  if (!result.failure.empty()) report(outcome, where + result.failure, replay);
}

// Everything that a random run varies follows from its seed.
FaultPlan random_plan(const Scenario& scenario, std::uint64_t seed) {
  static constexpr std::size_t socket_sizes[] = {1, 7, 512, 4096, 65536, 262144};
  static constexpr unsigned queue_sizes[] = {2, 8, 64, 65536};
  Random random(seed * 0x9e3779b97f4a7c15U);
  FaultPlan plan = scenario.plan;
  plan.socket_bytes = socket_sizes[random.below(std::size(socket_sizes))];
  plan.completion_entries_max =
      std::min(plan.completion_entries_max, queue_sizes[random.below(std::size(queue_sizes))]);
  plan.one_in = 2 + random.below(60);
  plan.random_faults_max = 1 + static_cast<unsigned>(random.below(8));
  plan.peers_interrupt = random.one_in(2);
  return plan;
}

void run_random(Outcome& outcome, const Scenario& scenario, std::uint64_t seed) {
  std::string replay = replay_line(scenario, seed, {}, true);
  RunResult result = run_world(scenario, seed, random_plan(scenario, seed), replay, nullptr);
  ++outcome.runs;
  if (result.failure.empty()) return;
  report(outcome, result.failure + " (injected " + to_string(result.injected) + ")", replay);
}

// What the environment asks for instead of the usual runs.
std::optional<std::string_view> asked_replay() {
  const char* text = std::getenv(replay_variable);  // NOLINT(concurrency-mt-unsafe): nobody changes it
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
}

bool is_of_random_run(std::string_view text) { return text.ends_with(":random"); }

void print_failures(const Outcome& outcome) {
  for (const std::string& line : outcome.failures) std::fprintf(stderr, "%s\n", line.c_str());
}

// One fault at a time, at each event of the run without faults.
void run_all_pairs(Outcome& outcome, const Scenario& scenario, const Enumeration& options) {
  std::vector<Event> events;
  run_planned(outcome, scenario, options.seed, scenario.plan, "without a fault: ", &events);
  outcome.events = events.size();
  if (!outcome.is_clean()) return;

  std::size_t pairs = 0;
  for (const Event& event : events) pairs += event.possible.size();
  std::size_t step = (pairs + options.runs_max - 1) / std::max<std::size_t>(options.runs_max, 1);
  std::size_t pair = 0;
  for (const Event& event : events) {
    std::string where = std::string(to_string(event.call)) + ' ' + std::string(to_string(event.stage)) + ": ";
    for (const Fault& fault : event.possible) {
      if (pair++ % std::max<std::size_t>(step, 1) != 0) continue;
      FaultPlan plan = scenario.plan;
      plan.faults = {{event.index, fault}};
      run_planned(outcome, scenario, options.seed, plan, where);
      if (outcome.failures.size() >= options.failures_max) return;
    }
  }
}

}  // namespace

std::string run_once(const Scenario& scenario, std::uint64_t seed, const FaultPlan& plan, std::vector<Event>* events) {
  return run_world(scenario, seed, plan, replay_line(scenario, seed, plan.faults, false), events).failure;
}

Outcome enumerate(const Scenario& scenario, const Enumeration& options) {
  Outcome outcome;
  auto asked = asked_replay();
  if (!asked) run_all_pairs(outcome, scenario, options);
  if (asked && !is_of_random_run(*asked)) outcome = replay(scenario, *asked);
  if (options.prints_failures) print_failures(outcome);
  return outcome;
}

Outcome random_runs(const Scenario& scenario, std::uint64_t seed, std::size_t count) {
  constexpr std::size_t failures_max = 20;
  Outcome outcome;
  auto asked = asked_replay();
  for (std::size_t i = 0; !asked && i < count && outcome.failures.size() < failures_max; ++i) {
    run_random(outcome, scenario, seed + i);
  }
  if (asked && is_of_random_run(*asked)) outcome = replay(scenario, *asked);
  print_failures(outcome);
  return outcome;
}

Outcome replay(const Scenario& scenario, std::string_view text) {
  Outcome outcome;
  std::optional<Replay> asked = parse_replay(text);
  if (!asked) {
    report(outcome, "cannot be parsed", std::string(text));
  } else if (asked->scenario == scenario.name && asked->is_random) {
    run_random(outcome, scenario, asked->seed);
  } else if (asked->scenario == scenario.name) {
    FaultPlan plan = scenario.plan;
    plan.faults = asked->faults;
    run_planned(outcome, scenario, asked->seed, plan, "");
  }
  return outcome;
}

}  // namespace sluice::fault
