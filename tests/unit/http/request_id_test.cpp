#include "http/request_id.hpp"

#include <doctest/doctest.h>

#include <array>

namespace sluice::http {
namespace {

TEST_CASE("request ids are UUIDs of version 7") {
  std::array<char, request_id_bytes> out;
  CHECK(format_request_id(0, 0, 0, out) == "00000000-0000-7000-8000-000000000000");
  // RFC 9562, appendix A.6
  CHECK(format_request_id(0x017F22E279B0, 0xCC3, 0x18C4DC0C0C07398F, out) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  CHECK(format_request_id(UINT64_MAX, UINT16_MAX, UINT64_MAX, out) == "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

}  // namespace
}  // namespace sluice::http
