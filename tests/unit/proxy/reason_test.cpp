#include "proxy/reason.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

namespace sluice::proxy {
namespace {

TEST_CASE("every reason has a name of its own") {
  std::set<std::string_view> names;
  constexpr int count = static_cast<int>(Reason::shutdown) + 1;
  for (int i = 0; i < count; ++i) names.insert(to_string(static_cast<Reason>(i)));
  CHECK(names.size() == static_cast<std::size_t>(count));
  CHECK_FALSE(names.contains("?"));
  CHECK(to_string(static_cast<Reason>(count)) == "?");  // shutdown is the last one
  for (std::string_view name : names) {
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
  }
}

}  // namespace
}  // namespace sluice::proxy
