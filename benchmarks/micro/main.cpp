#include <benchmark/benchmark.h>

#include "memory/heap.hpp"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("sluice_version", SLUICE_VERSION);
  benchmark::AddCustomContext("heap", sluice::memory::heap_name());
  const bool has_run = benchmark::RunSpecifiedBenchmarks() != 0;
  benchmark::Shutdown();
  return has_run ? 0 : 1;
}
