#pragma once

#include <doctest/doctest.h>

#include <string>

#include "enumerate.hpp"

namespace sluice::fault {

// Every fault at every event of the scenario, then random combinations. Prints what ran, with the seed.
inline void torture(const Scenario& scenario, std::size_t random_count, std::size_t runs_max = 20'000) {
  constexpr std::uint64_t seed = 1;
  Outcome enumerated = enumerate(scenario, {.seed = seed, .runs_max = runs_max});
  Outcome random = random_runs(scenario, seed, random_count);
  MESSAGE(scenario.name << ": " << enumerated.events << " events, " << enumerated.runs << " runs with one fault, "
                        << random.runs << " with several, seed " << seed);
  CHECK(enumerated.is_clean());
  CHECK(random.is_clean());
  // A scenario that does nothing would pass everything.
  CHECK(enumerated.events > 10);
}

}  // namespace sluice::fault
