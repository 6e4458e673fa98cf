#include "base/error.hpp"

#include <cerrno>

namespace sluice {

namespace {

ErrorCode code_from_errno(int errno_value) noexcept {
  switch (errno_value) {
    case ECANCELED:
      return ErrorCode::cancelled;
    case ETIME:
    case ETIMEDOUT:
      return ErrorCode::timed_out;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      return ErrorCode::reset;
    case ECONNREFUSED:
    case ENOENT:  // a unix socket that is not there
      return ErrorCode::refused;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EACCES:  // a unix socket that we may not write to, and below, one that is not of our kind
    case ENOTDIR:
    case EPROTOTYPE:
      return ErrorCode::unreachable;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:
      return ErrorCode::exhausted;
    default:
      return ErrorCode::system;
  }
}

}  // namespace

Error error_from_errno(int errno_value, Side side) noexcept {
  return Error{code_from_errno(errno_value), side, Retry::never, errno_value};
}

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::closed:
      return "closed";
    case ErrorCode::reset:
      return "reset";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::exhausted:
      return "exhausted";
    case ErrorCode::malformed:
      return "malformed";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::system:
      return "system";
  }
  return "?";
}

std::string_view to_string(Side side) noexcept {
  switch (side) {
    case Side::local:
      return "local";
    case Side::downstream:
      return "downstream";
    case Side::upstream:
      return "upstream";
  }
  return "?";
}

std::string_view to_string(Retry retry) noexcept {
  switch (retry) {
    case Retry::never:
      return "never";
    case Retry::safe:
      return "safe";
    case Retry::if_reused:
      return "if_reused";
  }
  return "?";
}

}  // namespace sluice
