// PROXY headers: how the bytes arrive changes nothing, and what is written for the addresses of a header reads the
// same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "net/ip_of.hpp"
#include "net/proxy_header.hpp"

namespace sluice::net {
namespace {

bool is_same(const ProxyHeaderResult& a, const ProxyHeaderResult& b) {
  return a.status == b.status && a.reject == b.reject && a.consumed == b.consumed;
}

// The first look that decides agrees with the last one.
void check_pieces(std::string_view bytes, const ProxyHeaderResult& whole) {
  for (std::size_t end = 0; end <= bytes.size(); ++end) {
    ProxyHeader header;
    const ProxyHeaderResult part = parse_proxy_header(bytes.substr(0, end), header);
    if (part.status == ProxyHeaderStatus::partial) {
      SLUICE_ASSERT(end < proxy_header_bytes_max && part.consumed == 0);
      continue;
    }
    SLUICE_ASSERT(is_same(part, whole));
    return;
  }
  SLUICE_ASSERT(whole.status == ProxyHeaderStatus::partial);
}

void check_written(const ProxyHeader& header) {
  for (ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
    std::array<char, proxy_line_bytes_max> memory;
    const std::string_view written = write_proxy_header(version, header.source, header.destination, memory);
    ProxyHeader again;
    const ProxyHeaderResult result = parse_proxy_header(written, again);
    SLUICE_ASSERT(result.status == ProxyHeaderStatus::complete && result.consumed == written.size());
    SLUICE_ASSERT(again.kind == ProxyHeader::Kind::internet);
    SLUICE_ASSERT(ip_of(again.source) == ip_of(header.source) && again.source.port() == header.source.port());
    SLUICE_ASSERT(ip_of(again.destination) == ip_of(header.destination));
    SLUICE_ASSERT(again.destination.port() == header.destination.port());
  }
}

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::net;
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  ProxyHeader header;
  const ProxyHeaderResult result = parse_proxy_header(bytes, header);
  check_pieces(bytes.substr(0, proxy_header_bytes_max + 1), result);
  const bool is_complete = result.status == ProxyHeaderStatus::complete;
  SLUICE_ASSERT(result.consumed <= size && is_complete == (result.consumed != 0));
  SLUICE_ASSERT((result.status == ProxyHeaderStatus::rejected) == (result.reject != ProxyHeaderReject::none));
  if (is_complete && header.kind == ProxyHeader::Kind::internet) check_written(header);
  return 0;
}
