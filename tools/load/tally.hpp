#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "histogram.hpp"

namespace sluice::load {

enum class ErrorKind : std::uint8_t {
  connect,    // no connection: no way there, no port or descriptor left
  refused,    // nobody listens
  timeout,    // connecting or answering took too long
  closed,     // the server ended the connection before its answer
  reset,      // the server reset it
  malformed,  // not HTTP/1.x, or bytes that nobody asked for
  status,     // an answer that is not 2xx or 3xx
  body,       // an answer of another length or checksum than was expected
};
inline constexpr std::size_t error_kind_count = static_cast<std::size_t>(ErrorKind::body) + 1;
[[nodiscard]] std::string_view to_string(ErrorKind kind) noexcept;

// How a failed connect, receive or send counts.
[[nodiscard]] ErrorKind kind_of_connect(const Error& error) noexcept;

// What: what came of the requests of one thread, or of all.
// Invariants: started = responses + every error but those of kind status and body, which are responses + abandoned.
struct Tally {
  std::uint64_t started = 0;
  std::uint64_t responses = 0;
  std::uint64_t responses_in_time = 0;  // before the load ended, and no more was started
  std::uint64_t abandoned = 0;          // under way when somebody interrupted
  std::uint64_t unsent = 0;             // were due in the open loop and never started; their waiting is in `latencies`
  std::uint64_t connections = 0;        // opened
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::array<std::uint64_t, error_kind_count> errors{};
  std::array<std::uint64_t, 600> statuses{};
  std::vector<std::uint64_t> responses_of_url;
  Histogram latencies;   // from the intended start to the end of the answer
  Histogram start_lags;  // open loop: from the intended start to the send, where the connection was free

  void add(const Tally& other);
  [[nodiscard]] std::uint64_t all_errors() const;
  void note(ErrorKind kind) { ++errors[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t count_of(ErrorKind kind) const { return errors[static_cast<std::size_t>(kind)]; }
};

}  // namespace sluice::load
