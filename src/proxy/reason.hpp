#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::proxy {

// Why an exchange ended other than with a response of the upstream; stands in the access log.
enum class Reason : std::uint8_t {
  none,
  untrusted_proxy,       // begins with nothing that could be believed: it may not send a PROXY header
  bad_proxy_header,      // missing or broken; the log says which rule
  proxy_header_timeout,  // it took too long
  bad_request,           // refused by the parser; the log says which rule
  bad_path,              // the path cannot be normalised
  bad_body,              // the framing of the request body is broken
  method_refused,        // CONNECT, and TRACE where no route takes it
  no_route,
  bad_rewrite,       // what the route makes of the path cannot be forwarded
  redirect,          // the route's answer
  respond,           // likewise
  max_forwards,      // OPTIONS or TRACE that may go no further
  head_overflow,     // what is added to a head does not fit beside it
  head_timeout,      // the request head took too long
  body_timeout,      // the client paused too long within the request body
  body_too_large,    // more than limits.body_bytes
  body_too_slow,     // less than limits.body_rate_min
  client_closed,     // FIN or RST from the client
  client_stalled,    // took nothing of the response for too long
  exhausted,         // out of descriptors, buffers or memory
  upstream_refused,  // no connection to any endpoint
  upstream_connect_timeout,
  upstream_first_byte_timeout,
  upstream_idle_timeout,
  upstream_closed,  // ended before its response did
  upstream_reset,
  upstream_malformed,  // a response that breaks the protocol
  tunnel_idle,         // nothing moved in a tunnel for too long
  shutdown,            // cut off by the drain deadline or a second signal
};

inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::shutdown) + 1;

[[nodiscard]] std::string_view to_string(Reason reason) noexcept;

}  // namespace sluice::proxy
