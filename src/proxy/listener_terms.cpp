#include "proxy/listener_terms.hpp"

namespace sluice::proxy {

ListenerTerms::ListenerTerms(const net::ListenerSettings& settings)
    : protocol(settings.protocol), upstream(settings.upstream.value) {
  if (!settings.proxy_protocol) return;
  proxy_header.emplace(net::PeerSet(settings.proxy_protocol->from),
                       settings.proxy_protocol->others == net::OtherPeers::serve);
}

}  // namespace sluice::proxy
