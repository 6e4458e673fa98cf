#include "proxy/forwarding_settings.hpp"

#include <array>

#include "route/header_settings.hpp"

namespace sluice::proxy {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, 2> hop_field_names = {"x-forwarded-for", "forwarded"};

constexpr auto forwarding_list = std::to_array<config::Key<ForwardingSettings>>({
    config::strings<&ForwardingSettings::trusted_proxies, net::TrustedPeerText>(
        "trusted_proxies", {1, 1024},
        "Proxies in front of this one, which are believed what they say of the client: addresses, networks, and "
        "`\"unix\"` for whoever comes through a unix socket."),
    config::choice<&ForwardingSettings::client_from, hop_field_names>(
        "client_from", "The field in which they name the client and each other."),
    config::boolean<&ForwardingSettings::forwarded>("forwarded",
                                                    "Whether requests that are forwarded say where they come from in "
                                                    "Forwarded (RFC 7239) as well."),
    config::boolean<&ForwardingSettings::trace>(
        "trace", "Whether TRACE is forwarded, without the fields that hold secrets; it is refused otherwise."),
    config::strings<&ForwardingSettings::identity_headers, route::FieldName>(
        "identity_headers", {1, 128}, "Fields that nobody but a trusted proxy may send; they are removed otherwise.")
        .otherwise("the usual ones"),
});

}  // namespace

constinit const config::Keys<ForwardingSettings> forwarding_keys = forwarding_list;

std::vector<std::string> default_identity_headers() {
  return {
      // Where a request comes from, as other proxies write it.
      "X-Real-IP",
      "X-Client-IP",
      "X-Cluster-Client-IP",
      "X-Original-Forwarded-For",
      "X-Envoy-External-Address",
      "True-Client-IP",
      "CF-Connecting-IP",
      "CF-Connecting-IPv6",
      "Fastly-Client-IP",
      "X-Forwarded-By",
      "X-Forwarded-Port",
      "X-Forwarded-Prefix",
      "X-Forwarded-Scheme",
      "X-Forwarded-Server",
      "X-Forwarded-Ssl",
      "X-Forwarded-Uri",
      "X-Original-Host",
      "X-Original-URL",
      "X-Rewrite-URL",
      "Front-End-Https",
      // Who the client is, as an authenticating proxy writes it.
      "Remote-User",
      "X-Remote-User",
      "X-Forwarded-User",
      "X-Forwarded-Email",
      "X-Forwarded-Groups",
      "X-Forwarded-Preferred-Username",
      "X-Auth-Request-User",
      "X-Auth-Request-Email",
      "X-Auth-Request-Groups",
      "X-Forwarded-Client-Cert",
      "X-SSL-Client-Cert",
      "X-SSL-Client-Verify",
      "X-SSL-Client-S-DN",
      // Programs that are run in the way of CGI take it for the proxy that they should use.
      "Proxy",
  };
}

ForwardingRules::ForwardingRules(const ForwardingSettings& settings)
    : trusted(settings.trusted_proxies), client_from(settings.client_from), writes_forwarded(settings.forwarded) {
  const bool is_default = settings.identity_headers.empty();
  for (const std::string& name : is_default ? default_identity_headers() : settings.identity_headers) {
    identity.add(name);
  }
  // Handled by themselves, whatever the list says; here because of their lookalikes.
  for (std::string_view name :
       {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID"}) {
    identity.add(name);
  }
}

}  // namespace sluice::proxy
