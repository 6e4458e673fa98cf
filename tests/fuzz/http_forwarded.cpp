// Who a request comes from: whatever stands to the left of what a trusted proxy appended does not change how that is
// read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "http/forwarded.hpp"

namespace sluice::http {
namespace {

const IpSet& trusted() {
  static const IpSet set({IpNetwork::parse("10.0.0.0/8").value(), IpNetwork::parse("2001:db8::/32").value()});
  return set;
}

ClientClaim claim_of(const std::vector<std::string>& lines, HopField field) {
  FieldList fields;
  for (const std::string& line : lines) {
    if (!fields.add(field == HopField::forwarded ? "Forwarded" : "X-Forwarded-For", line)) break;
  }
  return find_client(fields, field, trusted());
}

// The lines with a hop behind the last one.
std::vector<std::string> appended(std::vector<std::string> lines, HopField field, std::string_view address) {
  std::string hop(address);
  if (field == HopField::forwarded) hop = "for=" + (address.find(':') != address.npos ? "\"[" + hop + "]\"" : hop);
  lines.back() += ", " + hop;
  return lines;
}

void check_hops(const std::vector<std::string>& lines, std::size_t hops, HopField field) {
  const ClientClaim claim = claim_of(lines, field);
  if (claim.address) {
    char text[IpAddress::text_bytes_max];
    SLUICE_ASSERT(parse_hop(claim.address->write(text)) == claim.address);
  }
  SLUICE_ASSERT(claim.scheme.empty() || claim.scheme == "http" || claim.scheme == "https");
  for (std::string_view stranger : {"192.0.2.1", "2001:db9::1"}) {
    SLUICE_ASSERT(claim_of(appended(lines, field, stranger), field).address == IpAddress::parse(stranger));
  }
  if (hops >= forwarded_hops_max) return;
  for (std::string_view proxy : {"10.0.0.1", "2001:db8::1"}) {
    const auto expected = claim.address ? claim.address : IpAddress::parse(proxy);
    SLUICE_ASSERT(claim_of(appended(lines, field, proxy), field).address == expected);
  }
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::http;
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  // One field on a line; each comma and each line begins another hop.
  std::vector<std::string> lines(1);
  std::size_t hops = 1;
  for (char c : bytes) {
    if (c == ',' || c == '\n') ++hops;
    if (c != '\n') {
      lines.back() += c;
    } else if (lines.size() < FieldList::capacity) {
      lines.emplace_back();
    }
  }
  check_hops(lines, hops, HopField::x_forwarded_for);
  check_hops(lines, hops, HopField::forwarded);
  (void)is_request_id(bytes);
  return 0;
}
