#include "http/max_forwards.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {
namespace {

std::string read(Method method, const std::vector<std::string_view>& values) {
  RequestHead head;
  head.method = method;
  for (std::string_view value : values) head.fields.add("Max-Forwards", value);
  auto result = read_max_forwards(head);
  if (!result) return std::string(to_string(result.error()));
  return *result ? std::to_string(**result) : "none";
}

TEST_CASE("Max-Forwards counts for OPTIONS and TRACE alone") {
  struct {
    Method method;
    std::vector<std::string_view> values;
    std::string_view expected;
  } const rows[] = {
      {Method::options, {}, "none"},
      {Method::options, {"0"}, "0"},
      {Method::options, {"10"}, "10"},
      {Method::options, {"007"}, "7"},
      {Method::options, {"65535"}, "65535"},
      {Method::options, {"65536"}, "65535"},
      {Method::options, {"99999999999999999999999999"}, "65535"},
      {Method::trace, {"1"}, "1"},
      {Method::get, {"0"}, "none"},
      {Method::get, {"x"}, "none"},
      {Method::other, {"0"}, "none"},
      {Method::options, {""}, "bad_max_forwards"},
      {Method::options, {"-1"}, "bad_max_forwards"},
      {Method::options, {"+1"}, "bad_max_forwards"},
      {Method::options, {"1.0"}, "bad_max_forwards"},
      {Method::options, {"0x1"}, "bad_max_forwards"},
      {Method::options, {"1, 2"}, "bad_max_forwards"},
      {Method::options, {"1", "1"}, "bad_max_forwards"},
      {Method::trace, {"x"}, "bad_max_forwards"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.values);
    CHECK(read(row.method, row.values) == row.expected);
  }
  CHECK(status_of(Reject::bad_max_forwards) == 400);
}

}  // namespace
}  // namespace sluice::http
