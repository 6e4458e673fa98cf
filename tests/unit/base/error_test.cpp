#include "base/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>
#include <string_view>

namespace sluice {
namespace {

TEST_CASE("what an errno means to us") {
  struct Row {
    int errno_value;
    std::string_view code;
  };
  const Row rows[] = {
      {ECANCELED, "cancelled"},
      {ETIMEDOUT, "timed_out"},
      {ETIME, "timed_out"},
      {ECONNRESET, "reset"},
      {ECONNABORTED, "reset"},
      {EPIPE, "reset"},
      {ECONNREFUSED, "refused"},
      {ENOENT, "refused"},
      {EHOSTUNREACH, "unreachable"},
      {ENETUNREACH, "unreachable"},
      {ENETDOWN, "unreachable"},
      {EHOSTDOWN, "unreachable"},
      {EADDRNOTAVAIL, "unreachable"},
      {EACCES, "unreachable"},
      {ENOTDIR, "unreachable"},
      {EPROTOTYPE, "unreachable"},
      {EMFILE, "exhausted"},
      {ENFILE, "exhausted"},
      {ENOBUFS, "exhausted"},
      {ENOMEM, "exhausted"},
      {EAGAIN, "exhausted"},
      {EINVAL, "system"},
      {EBADF, "system"},
      {EINTR, "system"},
      {EPERM, "system"},
      {EIO, "system"},
      {0, "system"},
      {99999, "system"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.errno_value);
    Error error = error_from_errno(row.errno_value, Side::upstream);
    CHECK(to_string(error.code) == row.code);
    CHECK(error.os_error == row.errno_value);
    CHECK(error.side == Side::upstream);
    CHECK(error.retry == Retry::never);
  }
  CHECK(error_from_errno(EPIPE).side == Side::local);
}

template <class Enum>
std::set<std::string_view> names_up_to(Enum last) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(last); ++i) names.insert(to_string(static_cast<Enum>(i)));
  return names;
}

TEST_CASE("every value has a name of its own") {
  auto codes = names_up_to(ErrorCode::system);
  CHECK(codes.size() == static_cast<std::size_t>(ErrorCode::system) + 1);
  CHECK_FALSE(codes.contains("?"));
  auto sides = names_up_to(Side::upstream);
  CHECK(sides == std::set<std::string_view>{"local", "downstream", "upstream"});
  auto retries = names_up_to(Retry::if_reused);
  CHECK(retries == std::set<std::string_view>{"never", "safe", "if_reused"});
  CHECK(to_string(static_cast<ErrorCode>(200)) == "?");
}

TEST_CASE("a failure says what, where and whether again") {
  Result<int> result = failure(ErrorCode::refused, Side::upstream, Retry::safe);
  REQUIRE_FALSE(result.has_value());
  CHECK((result.error() == Error{ErrorCode::refused, Side::upstream, Retry::safe, 0}));
  Result<int> plain = failure(ErrorCode::closed);
  CHECK((plain.error() == Error{ErrorCode::closed, Side::local, Retry::never, 0}));
}

}  // namespace
}  // namespace sluice
