#include "http/writer.hpp"

#include <array>
#include <bit>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "http/body.hpp"
#include "http/bytes.hpp"
#include "http/lines.hpp"
#include "http/trace.hpp"

namespace sluice::http {
namespace {

// RFC 9110 §7.6.1, and what RFC 9112 calls framing: these speak of one connection and are written anew, if at all.
constexpr FieldIds hop_by_hop =
    set_of(FieldId::connection, FieldId::content_length, FieldId::keep_alive, FieldId::proxy_connection, FieldId::te,
           FieldId::trailer, FieldId::transfer_encoding, FieldId::upgrade);

// Connection has no power over these: they say where and when a message came from.
constexpr FieldIds not_nominable = set_of(FieldId::date, FieldId::via, FieldId::x_forwarded_for,
                                          FieldId::x_forwarded_host, FieldId::x_forwarded_proto);

// What: the fields that the Connection fields of a head name, to be removed with them.
// Lifetime: of one call; views into the head.
class Nominated {
 public:
  // own: further fields that Connection has no power over.
  Nominated(const FieldList& fields, FieldIds own) {
    for (const Field& field : fields) {
      if (field.id == FieldId::connection) add(field.value);
    }
    // What is done with hop-by-hop fields is decided without its help.
    known_ &= ~(not_nominable | hop_by_hop | own);
  }

  [[nodiscard]] FieldIds known() const { return known_; }

  [[nodiscard]] bool contains(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (ascii::equals_ignoring_case(others_[i], name)) return true;
    }
    return false;
  }

 private:
  void add(std::string_view options) {
    for_each_element(options, [this](std::string_view option) {
      FieldId id = field_id(option);
      if (id != FieldId::other) {
        known_ |= bit_of(id);
      } else if (!option.empty() && count_ < others_.size()) {
        others_[count_++] = option;
      }
      return true;
    });
  }

  FieldIds known_ = 0;
  std::size_t count_ = 0;
  std::array<std::string_view, connection_options_max> others_;
};

// What: which fields of a head do not go on.
// Lifetime: of one call.
struct Dropped {
  FieldIds ids = 0;
  const FieldNames* edited = nullptr;    // names without an id; null: none
  const FieldNames* identity = nullptr;  // likewise
  bool is_trusted_peer = false;

  [[nodiscard]] bool drops_other(std::string_view name, const Nominated* nominated) const {
    if (edited != nullptr && edited->match(name) == FieldNames::Match::exact) return true;
    const FieldNames::Match match = identity == nullptr ? FieldNames::Match::none : identity->match(name);
    if (match == FieldNames::Match::lookalike) return true;
    // A proxy that hands Connection on must not let its client take away what it says itself.
    if (match == FieldNames::Match::exact) return !is_trusted_peer;
    return nominated != nullptr && nominated->contains(name);
  }
};

// The fields that go on as they came.
void write_kept_fields(Writer& out, const FieldList& fields, const Nominated* nominated, const Dropped& dropped) {
  const bool looks_at_names = nominated != nullptr || dropped.edited != nullptr || dropped.identity != nullptr;
  for (const Field& field : fields) {
    if ((dropped.ids & bit_of(field.id)) != 0) continue;
    if (looks_at_names && field.id == FieldId::other && dropped.drops_other(field.name, nominated)) continue;
    out.append_field(field.name, field.value);
  }
}

void write_kept_fields(Writer& out, const FieldList& fields, const ConnectionOptions& connection, Dropped dropped) {
  if (!connection.names_fields) return write_kept_fields(out, fields, nullptr, dropped);
  const FieldIds own = dropped.identity == nullptr ? 0 : dropped.identity->ids();
  const Nominated nominated(fields, own);
  dropped.ids |= nominated.known();
  write_kept_fields(out, fields, &nominated, dropped);
}

void write_framing(Writer& out, const BodyFraming& framing) {
  if (framing.kind == BodyFraming::Kind::length) {
    out.append("Content-Length: ");
    out.append_decimal(framing.length);
    out.append("\r\n");
  } else if (framing.kind == BodyFraming::Kind::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
}

void write_connection(Writer& out, ConnectionPolicy policy, bool names_te) {
  switch (policy) {
    case ConnectionPolicy::implied: {
      if (names_te) out.append("Connection: TE\r\n");
      return;
    }
    case ConnectionPolicy::keep_alive:
      out.append("Connection: keep-alive");
      break;
    case ConnectionPolicy::close:
      out.append("Connection: close");
      break;
    case ConnectionPolicy::upgrade:
      out.append("Connection: upgrade");
      break;
  }
  out.append(names_te ? std::string_view(", TE\r\n") : std::string_view("\r\n"));
}

// RFC 9110 §10.1.4: TE counts only with `Connection: TE`; of its values only `trailers` is ours to pass on.
bool accepts_trailers(const RequestHead& head) {
  if (!head.connection.te || !head.fields.contains(FieldId::te)) return false;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::te) continue;
    bool has_none =
        for_each_element(field.value, [](std::string_view e) { return !ascii::equals_ignoring_case(e, "trailers"); });
    if (!has_none) return true;
  }
  return false;
}

// RFC 9110 §7.6.3: the version is the one in which we received the message.
void write_via(Writer& out, Version received, std::string_view pseudonym) {
  switch (received) {
    case Version::http_1_0:
      out.append("Via: 1.0 ");
      break;
    case Version::http_1_1:
      out.append("Via: 1.1 ");
      break;
    case Version::http_2:
      out.append("Via: 2.0 ");
      break;
  }
  out.append(pseudonym);
  out.append("\r\n");
}

void write_field_unless_empty(Writer& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append_field(name, value);
}

// What: a list field in one line, whatever number of them came: who reads only the first or the last one is not misled.
// Lifetime: of one call.
class ListLine {
 public:
  ListLine(Writer& out, std::string_view name) : out_(out), name_(name) {}

  void add(std::string_view element) {
    if (element.empty()) return;
    begin();
    out_.append(element);
  }
  void add_all(const FieldList& fields, FieldId id) {
    if (!fields.contains(id)) return;
    for (const Field& field : fields) {
      if (field.id == id) add(field.value);
    }
  }
  // Goes in front of an element that is written piece by piece.
  void begin() {
    if (is_empty_) {
      out_.append(name_);
      out_.append(": ");
    } else {
      out_.append(", ");
    }
    is_empty_ = false;
  }
  void end() {
    if (!is_empty_) out_.append("\r\n");
  }

 private:
  Writer& out_;
  std::string_view name_;
  bool is_empty_ = true;
};

// Whether the hops before the peer are in this field; else they are only what we found out of them: the client.
bool continues(const RequestForward& forward, HopField field) {
  return forward.is_trusted_peer && forward.hop_field == field;
}

void write_forwarded_for(Writer& out, const FieldList& fields, const RequestForward& forward) {
  ListLine line(out, "X-Forwarded-For");
  if (continues(forward, HopField::x_forwarded_for)) {
    line.add_all(fields, FieldId::x_forwarded_for);
  } else if (forward.client_address != forward.peer_address) {
    line.add(forward.client_address);
  }
  line.add(forward.peer_address);
  line.end();
}

// RFC 7239 §6: an IPv6 address in brackets, and what has a colon in it in quotes.
void write_node(Writer& out, std::string_view address) {
  const bool is_v6 = address.contains(':');
  if (is_v6) out.append("\"[");
  out.append(address);
  if (is_v6) out.append("]\"");
}

void write_forwarded(Writer& out, const RequestHead& head, const RequestForward& forward) {
  ListLine line(out, "Forwarded");
  if (continues(forward, HopField::forwarded)) {
    line.add_all(head.fields, FieldId::forwarded);
  } else if (forward.client_address != forward.peer_address) {
    line.begin();
    out.append("for=");
    write_node(out, forward.client_address);
  }
  line.begin();
  out.append("for=");
  write_node(out, forward.peer_address.empty() ? forward.peer_name : forward.peer_address);
  if (!head.authority.empty()) {
    // An authority holds nothing that would have to be escaped between quotes.
    const bool needs_quotes = !is_token(head.authority);
    out.append(needs_quotes ? std::string_view(";host=\"") : std::string_view(";host="));
    out.append(head.authority);
    if (needs_quotes) out.append('"');
  }
  out.append(";proto=");
  out.append(forward.scheme);
  line.end();
}

// The fields of a trusted peer that are believed and kept.
FieldIds kept_claims(const RequestHead& head, const RequestForward& forward) {
  if (!continues(forward, HopField::x_forwarded_for)) return 0;
  FieldIds kept = 0;
  for (FieldId id : {FieldId::x_forwarded_host, FieldId::x_forwarded_proto}) {
    if (head.fields.contains(id) && !head.fields.is_repeated(id)) kept |= bit_of(id);
  }
  return kept;
}

// Where the request comes from, with which id.
void write_origin(Writer& out, const RequestHead& head, const RequestForward& forward, FieldIds kept) {
  const FieldChanges& changes = forward.changes;
  if (!changes.drops(FieldId::x_forwarded_for)) write_forwarded_for(out, head.fields, forward);
  if (!changes.drops(FieldId::x_forwarded_proto) && (kept & bit_of(FieldId::x_forwarded_proto)) == 0) {
    write_field_unless_empty(out, "X-Forwarded-Proto", forward.client_scheme);
  }
  if (!changes.drops(FieldId::x_forwarded_host) && (kept & bit_of(FieldId::x_forwarded_host)) == 0) {
    write_field_unless_empty(out, "X-Forwarded-Host", head.authority);
  }
  if (forward.writes_forwarded && !changes.drops(FieldId::forwarded)) write_forwarded(out, head, forward);
  if (!changes.drops(FieldId::x_request_id)) write_field_unless_empty(out, "X-Request-ID", forward.request_id);
}

const FieldNames* edited_names(const FieldChanges& changes) {
  return changes.edits == nullptr || changes.edits->dropped().is_empty() ? nullptr : &changes.edits->dropped();
}

Dropped dropped_from_request(const RequestHead& head, const RequestForward& forward, FieldIds kept) {
  Dropped dropped;
  dropped.ids = hop_by_hop | set_of(FieldId::host, FieldId::forwarded, FieldId::x_forwarded_for,
                                    FieldId::x_forwarded_host, FieldId::x_forwarded_proto, FieldId::x_request_id);
  dropped.ids &= ~kept;
  if (forward.identity != nullptr && !forward.is_trusted_peer) dropped.ids |= forward.identity->ids();
  if (forward.framing.kind == BodyFraming::Kind::chunked) dropped.ids &= ~bit_of(FieldId::trailer);
  if (forward.connection == ConnectionPolicy::upgrade) dropped.ids &= ~bit_of(FieldId::upgrade);
  // RFC 9110 §10.1.1: not in HTTP/1.0, and not without a body.
  if (!head.expect_continue) dropped.ids |= bit_of(FieldId::expect);
  if (forward.max_forwards) dropped.ids |= bit_of(FieldId::max_forwards);
  if (head.method == Method::trace) dropped.ids |= trace_secrets;
  dropped.ids |= forward.changes.dropped_ids();
  dropped.edited = edited_names(forward.changes);
  dropped.identity = forward.identity;
  dropped.is_trusted_peer = forward.is_trusted_peer;
  return dropped;
}

Dropped dropped_from_response(const ResponseHead& head, const ResponseForward& forward) {
  Dropped dropped;
  dropped.ids = hop_by_hop | bit_of(FieldId::x_request_id);
  if (forward.framing.kind == BodyFraming::Kind::chunked) dropped.ids &= ~bit_of(FieldId::trailer);
  if (forward.connection == ConnectionPolicy::upgrade) dropped.ids &= ~bit_of(FieldId::upgrade);
  // What the body would have been, RFC 9110 §8.6; never with 1xx or 204.
  bool may_tell_length = head.status / 100 != 1 && head.status != 204;
  if (forward.framing.kind == BodyFraming::Kind::none && may_tell_length) {
    dropped.ids &= ~bit_of(FieldId::content_length);
  }
  if (!head.is_interim()) {
    dropped.ids |= forward.changes.dropped_ids();
    dropped.edited = edited_names(forward.changes);
  }
  return dropped;
}

}  // namespace

void Writer::append_decimal(std::uint64_t value) noexcept {
  char digits[20];
  char* end = ascii::write_decimal(digits, value);
  append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void Writer::append_hex(std::uint64_t value) noexcept {
  constexpr char alphabet[] = "0123456789abcdef";
  char digits[16];
  std::size_t count = (static_cast<std::size_t>(std::bit_width(value)) + 3) / 4;
  if (count == 0) count = 1;
  for (std::size_t i = count; i != 0; value >>= 4) digits[--i] = alphabet[value & 0xf];
  append(std::string_view(digits, count));
}

void Writer::append_field(std::string_view name, std::string_view value) noexcept {
  if (static_cast<std::size_t>(end_ - at_) < name.size() + value.size() + 4) return overflow();
  copy(at_, name);
  at_ += name.size();
  std::memcpy(at_, ": ", 2);
  at_ += 2;
  copy(at_, value);
  at_ += value.size();
  std::memcpy(at_, "\r\n", 2);
  at_ += 2;
}

std::string_view to_string(ConnectionPolicy policy) noexcept {
  switch (policy) {
    case ConnectionPolicy::implied:
      return "implied";
    case ConnectionPolicy::keep_alive:
      return "keep_alive";
    case ConnectionPolicy::close:
      return "close";
    case ConnectionPolicy::upgrade:
      return "upgrade";
  }
  return "unknown";
}

void write_request_head(Writer& out, const RequestHead& head, const RequestForward& forward) noexcept {
  SLUICE_ASSERT(forward.framing.kind != BodyFraming::Kind::until_close);
  out.append(head.method_text);
  out.append(' ');
  out.append(forward.path);
  out.append(forward.query);
  out.append(" HTTP/1.1\r\nHost: ");
  out.append(forward.host);
  out.append("\r\n");
  const FieldIds kept = kept_claims(head, forward);
  write_kept_fields(out, head.fields, head.connection, dropped_from_request(head, forward, kept));
  write_framing(out, forward.framing);
  bool names_te = accepts_trailers(head);
  if (names_te) out.append("TE: trailers\r\n");
  write_connection(out, forward.connection, names_te);
  if (forward.max_forwards && !forward.changes.drops(FieldId::max_forwards)) {
    out.append("Max-Forwards: ");
    out.append_decimal(*forward.max_forwards);
    out.append("\r\n");
  }
  if (!forward.changes.drops(FieldId::via)) write_via(out, head.version, forward.via);
  write_origin(out, head, forward, kept);
  // RFC 9110 §9.3.8: what comes back would show the client what is added on its way.
  if (head.method != Method::trace) forward.changes.write(out);
  out.append("\r\n");
}

void write_response_head(Writer& out, const ResponseHead& head, const ResponseForward& forward) noexcept {
  SLUICE_ASSERT(head.status >= 100 && head.status <= 599);
  out.append("HTTP/1.1 ");
  out.append_decimal(static_cast<std::uint64_t>(head.status));
  out.append(' ');
  out.append(head.reason);
  out.append("\r\n");
  write_kept_fields(out, head.fields, head.connection, dropped_from_response(head, forward));
  if (!head.is_interim()) {
    const FieldChanges& changes = forward.changes;
    write_framing(out, forward.framing);
    write_connection(out, forward.connection, false);
    // RFC 9110 §6.6.1: who forwards a message without Date adds it.
    if (!head.fields.contains(FieldId::date) && !changes.drops(FieldId::date)) out.append_field("Date", forward.date);
    if (!changes.drops(FieldId::via)) write_via(out, head.version, forward.via);
    if (!changes.drops(FieldId::x_request_id)) write_field_unless_empty(out, "X-Request-ID", forward.request_id);
    changes.write(out);
  }
  out.append("\r\n");
}

void write_chunk_begin(Writer& out, std::uint64_t size) noexcept {
  SLUICE_ASSERT(size != 0);
  out.append_hex(size);
  out.append("\r\n");
}

void write_chunk_end(Writer& out) noexcept { out.append("\r\n"); }

void write_last_chunk(Writer& out, const FieldList& trailers) noexcept {
  out.append("0\r\n");
  for (const Field& field : trailers) {
    if (is_allowed_in_trailers(field.id)) out.append_field(field.name, field.value);
  }
  out.append("\r\n");
}

}  // namespace sluice::http
