#include <algorithm>

#include "http/forwarded.hpp"
#include "net/ip_of.hpp"
#include "proxy/exchange.hpp"
#include "proxy/shard.hpp"
#include "upstream/upstream.hpp"

// What an exchange tells of its client and of itself: to the upstream, to the log, in header edits.
namespace sluice::proxy {

// Before there is a head, all that is known of the client is its end of the connection.
void Exchange::identify_peer() {
  peer_ = client_ = downstream_.client().write_host(peer_text_.data());
  request_id_ = http::format_request_id(
      static_cast<std::uint64_t>(unix_ms_), static_cast<std::uint16_t>(shard_.loop().random().next()),
      shard_.loop().random().next(), std::span(id_text_).first<http::request_id_bytes>());
}

// Whom the head comes from, as far as it can be believed.
void Exchange::identify_client() {
  const ForwardingRules& rules = snapshot_->forwarding;
  const std::optional<IpAddress> peer = net::ip_of(downstream_.client());
  peer_address_ = client_address_ = peer ? peer_ : std::string_view();
  is_trusted_peer_ = rules.trusted.contains(downstream_.client());
  if (!is_trusted_peer_) return;
  const http::ClientClaim claim = http::find_client(request_.fields, rules.client_from, rules.trusted.networks());
  if (!claim.scheme.empty()) scheme_ = claim.scheme;
  if (claim.address && claim.address != peer) client_ = client_address_ = claim.address->write(client_text_.data());
  const http::Field* id = request_.fields.find(http::FieldId::x_request_id);
  const bool is_usable =
      id != nullptr && !request_.fields.is_repeated(http::FieldId::x_request_id) && http::is_request_id(id->value);
  if (is_usable) {
    std::ranges::copy(id->value, id_text_.begin());
    request_id_ = {id_text_.data(), id->value.size()};
  }
}

// What answers of ours need of the head, whose bytes go back to the kernel before the exchange ends.
void Exchange::note_preferences() {
  // Longer than any list that a program sends; it then counts as none.
  constexpr std::size_t accept_bytes_max = 1024;
  const http::FieldList& fields = request_.fields;
  if (!fields.contains(http::FieldId::accept)) return;
  std::size_t bytes = 0;
  for (const http::Field& field : fields) {
    if (field.id == http::FieldId::accept) bytes += field.value.size() + 1;
  }
  const bool takes_anything = fields.find(http::FieldId::accept)->value == "*/*" && bytes == sizeof "*/*";
  if (takes_anything || bytes > accept_bytes_max) return;
  PooledText::Copier copier(accept_, bytes);
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::accept) continue;
    (void)copier.copy(field.value);
    (void)copier.copy(",");
  }
}

void Exchange::note_host() {
  const bool is_wanted = response_edits().uses(http::Variable::host);
  if (is_wanted && host_.view().empty() && !request_.authority.empty()) host_.assign(request_.authority);
}

const http::FieldEdits& Exchange::response_edits() const {
  if (route_ != nullptr) return route_->response_edits;
  return snapshot_ ? snapshot_->response_edits : remnant_->route.response_edits;
}

http::Variables Exchange::variables(std::string_view host) const {
  using http::Variable;
  http::Variables variables;
  variables.set(Variable::client, client_);
  variables.set(Variable::peer, peer_);
  variables.set(Variable::host, host);
  variables.set(Variable::request_id, request_id_);
  variables.set(Variable::scheme, scheme_);
  variables.set(Variable::listener, downstream_.listener().name());
  return variables;
}

std::string_view Exchange::upstream_host(const upstream::Endpoint& endpoint) const {
  switch (route_->upstream_host.kind) {
    case route::UpstreamHost::Kind::preserve:
      break;
    case route::UpstreamHost::Kind::endpoint:
      return endpoint.host();
    case route::UpstreamHost::Kind::name:
      return route_->upstream_host.name;
  }
  return request_.authority.empty() ? endpoint.host() : request_.authority;
}

void Exchange::append_request_head(http::Writer& writer, const upstream::Endpoint& endpoint) const {
  const ForwardingRules& rules = snapshot_->forwarding;
  http::RequestForward forward;
  forward.path = path_;
  forward.query = query_;
  forward.host = upstream_host(endpoint);
  forward.peer_address = peer_address_;
  forward.peer_name = downstream_.client().is_unix() ? "_unix" : "unknown";
  forward.client_address = client_address_;
  forward.scheme = connection_scheme;
  forward.client_scheme = scheme_;
  forward.request_id = request_id_;
  forward.framing = request_.framing;
  if (!upgrade_.empty()) forward.connection = http::ConnectionPolicy::upgrade;
  forward.max_forwards = max_forwards_;
  forward.hop_field = rules.client_from;
  forward.is_trusted_peer = is_trusted_peer_;
  forward.writes_forwarded = rules.writes_forwarded;
  forward.identity = &rules.identity;
  http::Variables values;
  if (!route_->request_edits.is_empty()) {
    values = variables(request_.authority);
    forward.changes = {&route_->request_edits, &values};
  }
  http::write_request_head(writer, request_, forward);
}

// The head that was kept may have been written for another endpoint; what it was made from is gone.
void Exchange::append_kept_head(http::Writer& writer, const upstream::Endpoint& endpoint) const {
  const std::string_view head = kept_head_.view();
  const route::UpstreamHost::Kind kind = route_->upstream_host.kind;
  const bool names_endpoint = kind == route::UpstreamHost::Kind::endpoint ||
                              (kind == route::UpstreamHost::Kind::preserve && request_.authority.empty());
  if (!names_endpoint) return writer.append(head);
  constexpr std::string_view host_begin = "\r\nHost: ";
  const std::size_t host = head.find(host_begin) + host_begin.size();
  writer.append(head.substr(0, host));
  writer.append(endpoint.host());
  writer.append(head.substr(head.find("\r\n", host)));
}

}  // namespace sluice::proxy
