#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace sluice {

enum class ErrorCode : std::uint8_t {
  cancelled,    // we gave up on it ourselves
  timed_out,    // its deadline passed
  closed,       // the peer ended before its message did
  reset,        // the peer reset the connection
  refused,      // nobody listens there
  unreachable,  // no way to the address
  exhausted,    // out of descriptors, buffers, pipes, memory or queue space
  malformed,    // the bytes break the protocol
  too_large,    // a limit of ours was passed
  unsupported,  // valid, and not something we do
  system,       // any other errno, in os_error
};

// Which neighbour the error came from.
enum class Side : std::uint8_t { local, downstream, upstream };

// Whether the attempt that met the error may be repeated elsewhere.
enum class Retry : std::uint8_t {
  never,
  safe,       // nothing of the request left us
  if_reused,  // the connection was a kept-alive one that the peer may have closed before it saw the request
};

struct Error {
  ErrorCode code = ErrorCode::system;
  Side side = Side::local;
  Retry retry = Retry::never;
  int os_error = 0;  // errno where the kernel said no, else 0

  friend bool operator==(const Error&, const Error&) = default;
};

// The Error for a failed system call or completion. errno_value: positive errno.
[[nodiscard]] Error error_from_errno(int errno_value, Side side = Side::local) noexcept;

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;
[[nodiscard]] std::string_view to_string(Side side) noexcept;
[[nodiscard]] std::string_view to_string(Retry retry) noexcept;

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(ErrorCode code, Side side = Side::local,
                                                    Retry retry = Retry::never) noexcept {
  return std::unexpected(Error{code, side, retry, 0});
}

}  // namespace sluice
