#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"

// What can go wrong, where, and what a run lets go wrong. No kernel in here: names, tables and choices.
namespace sluice::fault {

// Everything that asks the kernel for something: the plain calls of runtime/kernel.hpp and the ring operations.
enum class Call : std::uint8_t {
  socket,
  bind,
  listen,
  accept,
  set_option,
  reset_on_close,
  get_option,
  local_address,
  peer_address,
  shutdown,
  send,
  pipe,
  set_pipe_size,
  splice,
  event_open,
  event_signal,
  ring_open,
  ring_enter,
  buffer_ring_open,
  op_nop,
  op_accept,
  op_connect,
  op_receive,
  op_send,
  op_poll,
  op_read,
  op_write,
  op_timeout,
  op_cancel,
  op_message,
  op_shutdown,
  op_close,
};

// Where in a call's life the question comes up.
enum class Stage : std::uint8_t {
  call,        // a plain call
  issue,       // an operation that would have to wait was submitted
  completion,  // an operation could complete now
  cancel,      // a cancel has found its target
};

enum class FaultKind : std::uint8_t {
  fail,                 // with `error`; nothing is moved
  short_one,            // one byte, or one entry of the submission queue
  short_half,           // half of it
  late,                 // ready one simulated millisecond later
  late_past_deadlines,  // ready an hour later; can be cancelled until then
  held,                 // done, but its completion is withheld for an hour: a cancel finds it running
  last_shot,            // a multishot operation ends with this completion
  return_early,         // ring_enter returns without having run or waited for anything
  overflow,             // ring_enter finds no room in the completion queue
  target_first,         // the target's ECANCELED comes before the cancel's own completion
  target_late,          // the target's ECANCELED comes a millisecond after the cancel's completion
  cancel_late,          // the target's ECANCELED at once, the cancel's completion a millisecond later
  lost_found,           // the target completes by itself first; the cancel finds nothing (ENOENT)
  lost_running,         // the cancel finds it running (EALREADY); the target completes by itself
};

struct Fault {
  FaultKind kind = FaultKind::fail;
  int error = 0;  // errno, only for `fail`

  friend bool operator==(const Fault&, const Fault&) = default;
};

// What of an event decides which faults can happen to it.
struct Circumstance {
  std::size_t bytes = 0;        // that would move
  unsigned queued = 0;          // entries in the submission queue
  bool is_multishot = false;    //
  bool selects_buffer = false;  // from a group of provided buffers
  bool can_wait = false;        // an operation that may stay in flight
  bool reads_socket = false;    // splice
  bool writes_socket = false;   // splice
};

struct Event {
  std::uint64_t index = 0;
  Call call = Call::socket;
  Stage stage = Stage::call;
  std::vector<Fault> possible;
};

struct PlannedFault {
  std::uint64_t index = 0;  // of the event, counted from the start of the run
  Fault fault;

  friend bool operator==(const PlannedFault&, const PlannedFault&) = default;
};

// What: everything about one run that is not the scenario: sizes, limits and faults.
struct FaultPlan {
  std::vector<PlannedFault> faults = {};
  std::uint64_t one_in = 0;                           // besides: a random fault at one of so many events; 0: none
  unsigned random_faults_max = 8;                     // bound on those, so that a run comes to its end
  bool peers_interrupt = false;                       // scripted peers also act while the shard is busy
  std::size_t socket_bytes = std::size_t{64} * 1024;  // buffered between the two ends, each direction
  unsigned completion_entries_max = 1U << 16;         // cap on what ring_open is asked for
  int descriptor_limit = 1024;                        // as RLIMIT_NOFILE
  int processor_seconds_max = 20;                     // of a run, before it counts as spinning outside the ring
  std::uint64_t enters_max = 200'000;                 // calls of ring_enter before the run counts as a livelock
};

// Every fault that Linux could show at such an event.
[[nodiscard]] std::vector<Fault> possible_faults(Call call, Stage stage, const Circumstance& circumstance);

[[nodiscard]] std::string_view to_string(Call call) noexcept;
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;
[[nodiscard]] std::string_view to_string(FaultKind kind) noexcept;

// "short_one" or "ECONNRESET"; parse_fault reads what to_string wrote.
[[nodiscard]] std::string to_string(const Fault& fault);
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view text);

// "12:ECONNRESET,40:short_one", the tail of a replay line.
[[nodiscard]] std::string to_string(const std::vector<PlannedFault>& faults);
[[nodiscard]] std::optional<std::vector<PlannedFault>> parse_faults(std::string_view text);

}  // namespace sluice::fault
