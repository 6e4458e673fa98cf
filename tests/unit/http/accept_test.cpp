#include "http/accept.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace sluice::http {
namespace {

constexpr ErrorFormat text = ErrorFormat::text;
constexpr ErrorFormat problem = ErrorFormat::problem;

TEST_CASE("the form of an error follows Accept") {
  struct {
    std::string_view accept;
    ErrorFormat format;
  } const rows[] = {
      {"application/problem+json", problem},
      {"APPLICATION/Problem+JSON", problem},
      {"application/json", problem},
      {"application/*", problem},
      {"application/json, */*", text},  // as good as the other: plain text
      {"application/json, */*;q=0.8", problem},
      {"application/json, text/plain, */*", text},
      {"application/problem+json, text/plain;q=0.9", problem},
      {"text/plain;q=0.5, */*;q=0.6", problem},
      {"text/*;q=0.1, */*", problem},
      {"application/problem+json;q=0.001", problem},
      {"application/problem+json ; q=1.000", problem},
      {"application/problem+json;charset=UTF-8", problem},
      {"application/problem+json;charset=\"utf-8\"", problem},
      {"image/png;x=\"a,b\\\"c\", application/json", problem},
      {", ,application/json,", problem},
      {"application/json;", problem},
      {"\tapplication/json\t;\tq=1\t", problem},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", text},
      {"application/json;q=0.4, text/plain;q=0.5", text},
      {"text/plain, application/problem+json", text},
      {"", text},
      {"*/*", text},
      {"text/plain", text},
      {"text/*", text},
      {"image/png", text},
      {"application/xml", text},
      {"application/jsonx", text},
      {"application/json-patch+json", text},
      {"application/problem+xml", text},
      {"application/problem+json;q=0", text},
      {"application/problem+json;q=0.000, text/plain", text},
      // the closest range decides
      {"application/problem+json;q=0, application/*, */*", text},
      {"application/problem+json;q=0, application/json", text},
      {"application/json;q=0.1, application/*;q=0.9, text/plain;q=0.5", text},
      // another representation than ours
      {"application/problem+json;profile=x", text},
      {"application/problem+json;charset=latin1", text},
      // malformed: as if it were not there
      {"application", text},
      {"application/", text},
      {"/json", text},
      {"*/json", text},
      {"application json", text},
      {"application/json text/html", text},
      {"application/json;q", text},
      {"application/json;q=", text},
      {"application/json;q=2", text},
      {"application/json;q=1.001", text},
      {"application/json;q=0.1234", text},
      {"application/json;q=.5", text},
      {"application/json;q=0,5", text},
      {"application/json;q=-1", text},
      {"application/json;q=0.5x", text},
      {"application/json;q=10", text},
      {"application/json;x=\"open", text},
      {"application/json;x=\"open\\\"", text},
      {"application/json;=x", text},
      {"application/json, <>", text},
      {"application/problem+json; q =1", text},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.accept));
    CHECK(choose_error_format(row.accept) == row.format);
  }
}

TEST_CASE("a list without end counts as none") {
  std::string ranges;
  for (unsigned i = 1; i < media_ranges_max; ++i) ranges += "image/png, ";
  CHECK(choose_error_format(ranges + "application/json") == problem);
  CHECK(choose_error_format(ranges + "image/png, application/json") == text);
  CHECK(choose_error_format(std::string(100'000, ',') + "application/json") == problem);
}

}  // namespace
}  // namespace sluice::http
