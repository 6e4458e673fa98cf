#include "faults.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "base/ascii.hpp"

namespace sluice::fault {

namespace {

using Errors = std::initializer_list<int>;

struct ErrorName {
  int error;
  std::string_view name;
};

constexpr ErrorName error_names[] = {
    {EACCES, "EACCES"},
    {EADDRINUSE, "EADDRINUSE"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
    {EAGAIN, "EAGAIN"},
    {EBUSY, "EBUSY"},
    {ECONNABORTED, "ECONNABORTED"},
    {ECONNREFUSED, "ECONNREFUSED"},
    {ECONNRESET, "ECONNRESET"},
    {EHOSTUNREACH, "EHOSTUNREACH"},
    {EINTR, "EINTR"},
    {EINVAL, "EINVAL"},
    {EMFILE, "EMFILE"},
    {ENETUNREACH, "ENETUNREACH"},
    {ENFILE, "ENFILE"},
    {ENOBUFS, "ENOBUFS"},
    {ENOMEM, "ENOMEM"},
    {ENOPROTOOPT, "ENOPROTOOPT"},
    {ENOTCONN, "ENOTCONN"},
    {EOVERFLOW, "EOVERFLOW"},
    {EPERM, "EPERM"},
    {EPIPE, "EPIPE"},
    {ETIMEDOUT, "ETIMEDOUT"},
};

constexpr std::array fault_kinds = {
    FaultKind::fail,         FaultKind::short_one,           FaultKind::short_half,
    FaultKind::late,         FaultKind::late_past_deadlines, FaultKind::held,
    FaultKind::last_shot,    FaultKind::return_early,        FaultKind::overflow,
    FaultKind::target_first, FaultKind::target_late,         FaultKind::cancel_late,
    FaultKind::lost_found,   FaultKind::lost_running,
};

constexpr std::size_t errors_max = 8;

struct CallErrors {
  Call call;
  std::array<int, errors_max> errors;  // the rest is 0
};

// From the manual pages and the Linux sources. What only our own bug could cause (EBADF, EFAULT, EINVAL for a bad
// argument) is not here; ring_enter and splice depend on the circumstance.
constexpr CallErrors call_errors[] = {
    {Call::socket, {EMFILE, ENFILE, ENOBUFS, ENOMEM}},
    {Call::bind, {EADDRINUSE, EACCES, EADDRNOTAVAIL}},
    {Call::listen, {EADDRINUSE}},
    {Call::accept, {EAGAIN, EMFILE, ENFILE, ECONNABORTED, ENOBUFS, ENOMEM, EPERM}},
    {Call::set_option, {ENOPROTOOPT, EINVAL, ENOMEM}},
    {Call::get_option, {ENOPROTOOPT}},
    {Call::local_address, {ENOBUFS}},
    {Call::peer_address, {ENOTCONN}},
    {Call::shutdown, {ENOTCONN}},
    {Call::send, {EAGAIN, EPIPE, ECONNRESET, ETIMEDOUT, ENOMEM}},
    {Call::pipe, {EMFILE, ENFILE}},
    {Call::set_pipe_size, {EPERM, EBUSY, ENOMEM}},
    {Call::event_open, {EMFILE, ENFILE, ENOMEM}},
    {Call::event_signal, {EAGAIN}},
    {Call::ring_open, {EMFILE, ENOMEM, EPERM}},
    {Call::buffer_ring_open, {ENOMEM}},
    {Call::op_accept, {EMFILE, ENFILE, ECONNABORTED, ENOBUFS, ENOMEM, EPERM, EINTR}},
    {Call::op_connect, {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, ECONNRESET, EINTR}},
    {Call::op_receive, {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM, EINTR}},
    {Call::op_send, {EPIPE, ECONNRESET, ETIMEDOUT, ENOMEM, EINTR}},
    {Call::op_poll, {ENOMEM}},
    {Call::op_read, {ENOMEM, EINTR}},
    {Call::op_write, {ENOMEM, EINTR}},
    {Call::op_timeout, {ENOMEM}},
    {Call::op_message, {EOVERFLOW, ENOMEM}},
    {Call::op_shutdown, {ENOTCONN}},
    {Call::op_close, {EINTR}},  // and the descriptor is gone all the same
};

void add_errors(std::vector<Fault>& faults, Errors errors) {
  for (int error : errors) faults.push_back({FaultKind::fail, error});
}

void add_kinds(std::vector<Fault>& faults, std::initializer_list<FaultKind> kinds) {
  for (FaultKind kind : kinds) faults.push_back({kind, 0});
}

void add_shorts(std::vector<Fault>& faults, std::size_t count) {
  if (count > 1) add_kinds(faults, {FaultKind::short_one});
  if (count > 3) add_kinds(faults, {FaultKind::short_half});
}

void add_enter_faults(std::vector<Fault>& faults, const Circumstance& circumstance) {
  // io_uring_enter(2) reports what it submitted before it reports that its wait was interrupted.
  if (circumstance.queued == 0) add_errors(faults, {EINTR});
  add_errors(faults, {EAGAIN, EBUSY});
  add_shorts(faults, circumstance.queued);
  add_kinds(faults, {FaultKind::return_early, FaultKind::overflow});
}

void add_splice_faults(std::vector<Fault>& faults, const Circumstance& circumstance) {
  add_errors(faults, {EAGAIN, ENOMEM});
  if (circumstance.reads_socket || circumstance.writes_socket) add_errors(faults, {ECONNRESET, ETIMEDOUT});
  if (circumstance.writes_socket) add_errors(faults, {EPIPE});
  add_shorts(faults, circumstance.bytes);
}

std::string_view name_of_error(int error) {
  for (const ErrorName& entry : error_names) {
    if (entry.error == error) return entry.name;
  }
  return "E?";
}

}  // namespace

std::vector<Fault> possible_faults(Call call, Stage stage, const Circumstance& circumstance) {
  std::vector<Fault> faults;
  if (stage == Stage::cancel) {
    add_kinds(faults, {FaultKind::target_first, FaultKind::target_late, FaultKind::cancel_late, FaultKind::lost_found,
                       FaultKind::lost_running});
    return faults;
  }
  for (const CallErrors& entry : call_errors) {
    for (int error : entry.errors) {
      if (entry.call == call && error != 0) faults.push_back({FaultKind::fail, error});
    }
  }
  if (call == Call::ring_enter) add_enter_faults(faults, circumstance);
  if (call == Call::splice) add_splice_faults(faults, circumstance);
  if (call == Call::send) add_shorts(faults, circumstance.bytes);
  if (circumstance.selects_buffer) add_errors(faults, {ENOBUFS});
  if (stage != Stage::completion) return faults;
  add_shorts(faults, circumstance.bytes);
  if (circumstance.can_wait) add_kinds(faults, {FaultKind::late, FaultKind::late_past_deadlines, FaultKind::held});
  if (circumstance.is_multishot) add_kinds(faults, {FaultKind::last_shot});
  return faults;
}

std::string_view to_string(Call call) noexcept {
  switch (call) {
    case Call::socket:
      return "socket";
    case Call::bind:
      return "bind";
    case Call::listen:
      return "listen";
    case Call::accept:
      return "accept";
    case Call::set_option:
      return "set_option";
    case Call::reset_on_close:
      return "reset_on_close";
    case Call::get_option:
      return "get_option";
    case Call::local_address:
      return "local_address";
    case Call::peer_address:
      return "peer_address";
    case Call::shutdown:
      return "shutdown";
    case Call::send:
      return "send";
    case Call::pipe:
      return "pipe";
    case Call::set_pipe_size:
      return "set_pipe_size";
    case Call::splice:
      return "splice";
    case Call::event_open:
      return "event_open";
    case Call::event_signal:
      return "event_signal";
    case Call::ring_open:
      return "ring_open";
    case Call::ring_enter:
      return "ring_enter";
    case Call::buffer_ring_open:
      return "buffer_ring_open";
    case Call::op_nop:
      return "op_nop";
    case Call::op_accept:
      return "op_accept";
    case Call::op_connect:
      return "op_connect";
    case Call::op_receive:
      return "op_receive";
    case Call::op_send:
      return "op_send";
    case Call::op_poll:
      return "op_poll";
    case Call::op_read:
      return "op_read";
    case Call::op_write:
      return "op_write";
    case Call::op_timeout:
      return "op_timeout";
    case Call::op_cancel:
      return "op_cancel";
    case Call::op_message:
      return "op_message";
    case Call::op_shutdown:
      return "op_shutdown";
    case Call::op_close:
      return "op_close";
  }
  return "?";
}

std::string_view to_string(Stage stage) noexcept {
  switch (stage) {
    case Stage::call:
      return "call";
    case Stage::issue:
      return "issue";
    case Stage::completion:
      return "completion";
    case Stage::cancel:
      return "cancel";
  }
  return "?";
}

std::string_view to_string(FaultKind kind) noexcept {
  switch (kind) {
    case FaultKind::fail:
      return "fail";
    case FaultKind::short_one:
      return "short_one";
    case FaultKind::short_half:
      return "short_half";
    case FaultKind::late:
      return "late";
    case FaultKind::late_past_deadlines:
      return "late_past_deadlines";
    case FaultKind::held:
      return "held";
    case FaultKind::last_shot:
      return "last_shot";
    case FaultKind::return_early:
      return "return_early";
    case FaultKind::overflow:
      return "overflow";
    case FaultKind::target_first:
      return "target_first";
    case FaultKind::target_late:
      return "target_late";
    case FaultKind::cancel_late:
      return "cancel_late";
    case FaultKind::lost_found:
      return "lost_found";
    case FaultKind::lost_running:
      return "lost_running";
  }
  return "?";
}

std::string to_string(const Fault& fault) {
  return std::string(fault.kind == FaultKind::fail ? name_of_error(fault.error) : to_string(fault.kind));
}

std::optional<Fault> parse_fault(std::string_view text) {
  for (const ErrorName& entry : error_names) {
    if (entry.name == text) return Fault{FaultKind::fail, entry.error};
  }
  for (FaultKind kind : fault_kinds) {
    if (kind != FaultKind::fail && to_string(kind) == text) return Fault{kind, 0};
  }
  return std::nullopt;
}

std::string to_string(const std::vector<PlannedFault>& faults) {
  std::string text;
  for (const PlannedFault& planned : faults) {
    if (!text.empty()) text += ',';
    text += std::to_string(planned.index) + ':' + to_string(planned.fault);
  }
  return text;
}

std::optional<std::vector<PlannedFault>> parse_faults(std::string_view text) {
  std::vector<PlannedFault> faults;
  while (!text.empty()) {
    std::size_t comma = text.find(',');
    std::string_view entry = text.substr(0, comma);
    std::size_t colon = entry.find(':');
    if (colon == std::string_view::npos || comma == text.size() - 1) return std::nullopt;
    auto index = ascii::parse_decimal(entry.substr(0, colon));
    auto fault = parse_fault(entry.substr(colon + 1));
    if (!index || !fault) return std::nullopt;
    faults.push_back({*index, *fault});
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return faults;
}

}  // namespace sluice::fault
