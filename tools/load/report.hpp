#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "options.hpp"
#include "tally.hpp"

namespace sluice::load {

// What a run came to.
struct Outcome {
  const Options& options;
  std::string address;  // what was connected to
  Tally tally;          // of all threads
  Duration elapsed{0};  // without the warm-up, and without waiting for the last answers
  Duration cpu_time{0};
  std::optional<Duration> server_cpu_time = std::nullopt;  // where it was wanted, and is known
  double busiest_share = 0;                                // of a CPU: the thread that used the most
  bool is_interrupted = false;

  [[nodiscard]] double per_second() const;  // responses, while the load went on
  // 0: there were responses, and no error that counts.
  [[nodiscard]] int exit_status() const;
};

[[nodiscard]] std::string text_report(const Outcome& outcome);
[[nodiscard]] std::string json_report(const Outcome& outcome);

// "1.23 ms", in the unit that suits it.
[[nodiscard]] std::string duration_text(Duration duration);
// "12.3 MiB"
[[nodiscard]] std::string size_text(double bytes);

}  // namespace sluice::load
