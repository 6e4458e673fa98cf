#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "control/shortage_watch.hpp"
#include "proxy/counters.hpp"
#include "runtime/turn_watch.hpp"

namespace sluice::control {

// One shard, as the overseer sees it. What it points to outlives the overseer's thread.
struct OverseenShard {
  unsigned index = 0;
  const runtime::Activity* activity = nullptr;
  proxy::ShardCounters* counters = nullptr;
  Duration turn_max{0};  // zero: turns are not watched
};

// What: a thread that tells the operator what shards may not tell themselves, since writing could block them: that a
// turn
//       of a loop takes too long, and that there are no descriptors.
// Shard: none. add(), start() and stop() are for the control thread.
// Lifetime: stop() before anything that it watches ends.
class Overseer {
 public:
  // say: takes each line; on the overseer's thread.
  explicit Overseer(std::function<void(std::string_view)> say);
  ~Overseer();
  Overseer(const Overseer&) = delete;
  Overseer& operator=(const Overseer&) = delete;

  // Before start().
  void add(const OverseenShard& shard);
  // False where no thread is to be had.
  [[nodiscard]] bool start();
  // Idempotent.
  void stop();

 private:
  struct Watched {
    OverseenShard shard;
    runtime::TurnWatch turns;
  };
  void run();
  void look_at_turns(Instant now);
  void look_at_descriptors(Instant now);
  [[nodiscard]] Duration pause() const;

  std::function<void(std::string_view)> say_;
  std::vector<std::unique_ptr<Watched>> watched_;
  ShortageWatch descriptors_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool must_stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::control
