#include "http/status.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

namespace sluice::http {
namespace {

TEST_CASE("reason phrases") {
  CHECK(status_reason(200) == "OK");
  CHECK(status_reason(404) == "Not Found");
  CHECK(status_reason(413) == "Content Too Large");
  CHECK(status_reason(431) == "Request Header Fields Too Large");
  CHECK(status_reason(502) == "Bad Gateway");
  CHECK(status_reason(505) == "HTTP Version Not Supported");
  CHECK(status_reason(299) == "Unknown");
  std::set<std::string_view> seen;
  for (int status = 100; status < 600; ++status) {
    if (status_reason(status) != "Unknown") CHECK(seen.insert(status_reason(status)).second);
  }
}

}  // namespace
}  // namespace sluice::http
