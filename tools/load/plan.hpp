#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "http/head.hpp"
#include "mix.hpp"
#include "net/address.hpp"
#include "response_reader.hpp"

namespace sluice::load {

// What all threads do. Immutable.
struct Plan {
  net::Address address;
  Mix mix;
  http::Method method = http::Method::get;
  BodyExpectation expectation;
  unsigned connections = 1;
  unsigned threads = 1;
  unsigned pipeline = 1;
  bool keep_alive = true;
  std::uint64_t rate = 0;            // starts a second of all threads; 0: closed loop
  std::optional<Duration> duration;  // without the warm-up
  std::uint64_t requests = 0;        // of all threads; 0: no limit
  Duration warm_up{0};
  Duration timeout{0};
  pid_t server = 0;  // process whose CPU time is wanted; 0: none

  [[nodiscard]] bool is_open_loop() const { return rate != 0; }
};

}  // namespace sluice::load
