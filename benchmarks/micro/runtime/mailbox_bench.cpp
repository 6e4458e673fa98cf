#include "runtime/mailbox.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>

#include "measured.hpp"
#include "runtime/loop.hpp"

namespace sluice::micro {
namespace {

// A message to one's own mailbox and its delivery, without the turn around it.
void post_and_deliver(benchmark::State& state) {
  auto loop = runtime::Loop::open({});
  if (!loop) {
    state.SkipWithError("no io_uring");
    return;
  }
  runtime::Mailbox& mailbox = (*loop)->mailbox();
  std::uintptr_t count = 0;
  const runtime::Message message{
      [](runtime::Loop&, std::uintptr_t first, std::uintptr_t) { ++*reinterpret_cast<std::uintptr_t*>(first); },
      reinterpret_cast<std::uintptr_t>(&count), 0};
  for (auto _ : Measured(state)) {
    if (!mailbox.post(message)) state.SkipWithError("full");
    mailbox.deliver();
  }
}
BENCHMARK(post_and_deliver);

}  // namespace
}  // namespace sluice::micro
