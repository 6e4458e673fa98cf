#include "message/proxy_head.hpp"

#include "base/assert.hpp"

namespace sluice::message {

using runtime::Task;

Task<Result<ReceivedProxyHeader>> receive_proxy_header(Input& input, Instant deadline, net::ProxyHeader& out) {
  for (;;) {
    const net::ProxyHeaderResult result = net::parse_proxy_header(input.bytes(), out);
    if (result.status == net::ProxyHeaderStatus::complete) input.consume(result.consumed);
    if (result.status != net::ProxyHeaderStatus::partial) co_return ReceivedProxyHeader{result.status, result.reject};
    Result<bool> more = input.is_empty() ? co_await input.fill(deadline) : co_await input.gather(deadline);
    // A block has room for a head, and a header that may be one is shorter than the smallest.
    SLUICE_ASSERT(more || more.error().code != ErrorCode::too_large);
    if (!more) co_return std::unexpected(more.error());
    if (!*more) co_return ReceivedProxyHeader{};
  }
}

}  // namespace sluice::message
