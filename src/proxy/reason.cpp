#include "proxy/reason.hpp"

namespace sluice::proxy {

std::string_view to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::none:
      return "none";
    case Reason::untrusted_proxy:
      return "untrusted_proxy";
    case Reason::bad_proxy_header:
      return "bad_proxy_header";
    case Reason::proxy_header_timeout:
      return "proxy_header_timeout";
    case Reason::bad_request:
      return "bad_request";
    case Reason::bad_path:
      return "bad_path";
    case Reason::bad_body:
      return "bad_body";
    case Reason::method_refused:
      return "method_refused";
    case Reason::no_route:
      return "no_route";
    case Reason::bad_rewrite:
      return "bad_rewrite";
    case Reason::redirect:
      return "redirect";
    case Reason::respond:
      return "respond";
    case Reason::max_forwards:
      return "max_forwards";
    case Reason::head_overflow:
      return "head_overflow";
    case Reason::head_timeout:
      return "head_timeout";
    case Reason::body_timeout:
      return "body_timeout";
    case Reason::body_too_large:
      return "body_too_large";
    case Reason::body_too_slow:
      return "body_too_slow";
    case Reason::client_closed:
      return "client_closed";
    case Reason::client_stalled:
      return "client_stalled";
    case Reason::exhausted:
      return "exhausted";
    case Reason::upstream_refused:
      return "upstream_refused";
    case Reason::upstream_connect_timeout:
      return "upstream_connect_timeout";
    case Reason::upstream_first_byte_timeout:
      return "upstream_first_byte_timeout";
    case Reason::upstream_idle_timeout:
      return "upstream_idle_timeout";
    case Reason::upstream_closed:
      return "upstream_closed";
    case Reason::upstream_reset:
      return "upstream_reset";
    case Reason::upstream_malformed:
      return "upstream_malformed";
    case Reason::tunnel_idle:
      return "tunnel_idle";
    case Reason::shutdown:
      return "shutdown";
  }
  return "?";
}

}  // namespace sluice::proxy
