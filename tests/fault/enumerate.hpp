#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "faults.hpp"
#include "world.hpp"

// The torture: a scenario runs once as it should, then once for every fault at every event of that run, then with
// several faults at once. Every failure is one line that ends in what replays it:
//
//   SLUICE_FAULT_REPLAY=scenario:seed:index:fault[,index:fault...] sluice-fault
//
// With that variable set only the named scenario runs, with exactly those faults.
namespace sluice::fault {

// What: one self-contained story. It opens everything that it uses, turns its shards until they are done, and has
// closed everything when it returns. It must not throw and not depend on anything but the world.
struct Scenario {
  std::string name;                 // without ':'
  std::function<void(World&)> run;  // reports what is wrong with world.fail and world.expect
  std::function<void(World&)>
      check;       // after each run: the scenario's own counters, with world.expect_zero; may be empty
  FaultPlan plan;  // sizes and limits of the runs
};

struct Enumeration {
  std::uint64_t seed = 1;
  std::size_t runs_max = 20'000;  // more pairs than that: every nth is taken
  std::size_t failures_max = 20;  // then it stops
  bool prints_failures = true;    // to stderr, in the end
};

struct Outcome {
  std::size_t events = 0;  // of the run without faults
  std::size_t runs = 0;
  std::vector<std::string> failures;

  [[nodiscard]] bool is_clean() const { return failures.empty(); }
};

[[nodiscard]] Outcome enumerate(const Scenario& scenario, const Enumeration& options = {});

// `count` runs, each with its own seed (seed, seed + 1, ...), sizes, limits and up to a few random faults.
[[nodiscard]] Outcome random_runs(const Scenario& scenario, std::uint64_t seed, std::size_t count);

// The runs that `text`, a value of SLUICE_FAULT_REPLAY, asks for: none when it names another scenario.
[[nodiscard]] Outcome replay(const Scenario& scenario, std::string_view text);

// One run; what is wrong, or "".
[[nodiscard]] std::string run_once(const Scenario& scenario, std::uint64_t seed, const FaultPlan& plan,
                                   std::vector<Event>* events = nullptr);

}  // namespace sluice::fault
