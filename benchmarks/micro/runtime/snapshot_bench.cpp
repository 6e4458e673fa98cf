#include "runtime/snapshot.hpp"

#include <benchmark/benchmark.h>

#include <memory>

#include "measured.hpp"

namespace sluice::micro {
namespace {

using runtime::SnapshotPublisher;
using runtime::SnapshotReader;

// What a turn of the loop asks.
void snapshot_refresh(benchmark::State& state) {
  SnapshotPublisher<int> publisher(std::make_unique<int>(1), 1);
  SnapshotReader<int> reader(publisher.newest(), nullptr);
  for (auto _ : Measured(state)) benchmark::DoNotOptimize(reader.refresh());
}
BENCHMARK(snapshot_refresh);

// An exchange's use of the configuration: taken, looked into, let go of.
void snapshot_lease(benchmark::State& state) {
  SnapshotPublisher<int> publisher(std::make_unique<int>(1), 1);
  SnapshotReader<int> reader(publisher.newest(), nullptr);
  for (auto _ : Measured(state)) {
    auto lease = reader.lease();
    int value = *lease;
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(snapshot_lease);

// A reload as one shard and the control thread see it; the only one here that is not the way of a request, and that
// allocates.
void snapshot_publish(benchmark::State& state) {
  SnapshotPublisher<int> publisher(std::make_unique<int>(0), 1);
  SnapshotReader<int> reader(publisher.newest(), nullptr);
  int number = 0;
  for (auto _ : Measured(state)) {
    publisher.publish(std::make_unique<int>(++number));
    reader.refresh();
    benchmark::DoNotOptimize(publisher.reclaim());
  }
}
BENCHMARK(snapshot_publish);

}  // namespace
}  // namespace sluice::micro
