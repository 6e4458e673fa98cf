#include "proxy/upstream_header.hpp"

#include <array>

#include "net/proxy_header.hpp"
#include "proxy/downstream.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

Result<void> announce_client(const Downstream& downstream, upstream::Connection& connection) {
  if (!connection.is_private()) [[likely]]
    return {};
  const bool is_v1 = connection.proxy_protocol() == upstream::ProxyProtocol::v1;
  std::array<char, net::proxy_line_bytes_max> memory;
  const std::string_view header = net::write_proxy_header(is_v1 ? net::ProxyVersion::v1 : net::ProxyVersion::v2,
                                                          downstream.client(), downstream.destination(), memory);
  return connection.output().append([header](http::Writer& writer) { writer.append(header); });
}

}  // namespace sluice::proxy
