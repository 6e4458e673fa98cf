#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "message/body.hpp"
#include "net/pipe_pool.hpp"
#include "runtime/task.hpp"

namespace sluice::message {

struct PumpSettings {
  std::uint64_t splice_threshold = 0;  // bytes of payload ahead from which they are spliced; 0: never
  Duration idle_timeout{};             // how long a splice may make no progress
};

// Moves a whole body and its end from `source` to `sink`, through the kernel alone where both ends can and it pays.
// Whatever has come goes on before more is waited for. Errors: the first one of either end; its side says whose.
[[nodiscard]] runtime::Task<Result<void>> pump(BodySource& source, BodySink& sink, net::PipePool& pipes,
                                               PumpSettings settings);

}  // namespace sluice::message
