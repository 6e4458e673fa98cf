#include "http/writer.hpp"

#include <array>
#include <bit>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "http/body.hpp"
#include "http/lines.hpp"

namespace sluice::http {
namespace {

constexpr std::uint64_t bit_of(FieldId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

template <class... Ids>
constexpr std::uint64_t set_of(Ids... ids) {
  return (bit_of(ids) | ...);
}

// RFC 9110 §7.6.1, and what RFC 9112 calls framing: these speak of one connection and are written anew, if at all.
constexpr std::uint64_t hop_by_hop =
    set_of(FieldId::connection, FieldId::content_length, FieldId::keep_alive, FieldId::proxy_connection, FieldId::te,
           FieldId::trailer, FieldId::transfer_encoding, FieldId::upgrade);

// Connection has no power over these: they say where and when a message came from.
constexpr std::uint64_t not_nominable = set_of(FieldId::date, FieldId::via, FieldId::x_forwarded_for,
                                               FieldId::x_forwarded_host, FieldId::x_forwarded_proto);

// What: the fields that the Connection fields of a head name, to be removed with them.
// Lifetime: of one call; views into the head.
class Nominated {
 public:
  Nominated(const FieldList& fields, const ConnectionOptions& connection) {
    if (!connection.names_fields) return;
    for (const Field& field : fields) {
      if (field.id == FieldId::connection) add(field.value);
    }
    known_ &= ~(not_nominable | hop_by_hop);  // what is done with the latter is decided without its help
  }

  [[nodiscard]] std::uint64_t known() const { return known_; }

  [[nodiscard]] bool contains(const Field& field) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (ascii::equals_ignoring_case(others_[i], field.name)) return true;
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

  std::uint64_t known_ = 0;
  std::size_t count_ = 0;
  std::array<std::string_view, connection_options_max> others_;
};

// The fields that go on as they came: all but the dropped and the nominated ones.
void write_kept_fields(Writer& out, const FieldList& fields, const ConnectionOptions& connection,
                       std::uint64_t dropped) {
  if (!connection.names_fields) {
    for (const Field& field : fields) {
      if ((dropped & bit_of(field.id)) == 0) out.append_field(field.name, field.value);
    }
    return;
  }
  Nominated nominated(fields, connection);
  dropped |= nominated.known();
  for (const Field& field : fields) {
    if ((dropped & bit_of(field.id)) != 0 || (field.id == FieldId::other && nominated.contains(field))) continue;
    out.append_field(field.name, field.value);
  }
}

bool is_kept(const FieldList& fields, FieldId id, std::uint64_t dropped) {
  return fields.contains(id) && (dropped & bit_of(id)) == 0;
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
  out.append(received == Version::http_1_0 ? std::string_view("Via: 1.0 ") : std::string_view("Via: 1.1 "));
  out.append(pseudonym);
  out.append("\r\n");
}

// One line, whatever number of them came: who reads only the first or the last one is not misled.
void write_forwarded_for(Writer& out, const FieldList& fields, std::string_view client_address) {
  bool is_first = true;
  auto add = [&](std::string_view value) {
    if (value.empty()) return;
    out.append(is_first ? std::string_view("X-Forwarded-For: ") : std::string_view(", "));
    out.append(value);
    is_first = false;
  };
  if (fields.contains(FieldId::x_forwarded_for)) {
    for (const Field& field : fields) {
      if (field.id == FieldId::x_forwarded_for) add(field.value);
    }
  }
  add(client_address);
  if (!is_first) out.append("\r\n");
}

void write_field_unless_empty(Writer& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append_field(name, value);
}

std::uint64_t dropped_from_request(const RequestHead& head, const RequestForward& forward) {
  std::uint64_t dropped = hop_by_hop | set_of(FieldId::host, FieldId::forwarded, FieldId::x_forwarded_for,
                                              FieldId::x_real_ip, FieldId::x_request_id);
  if (!forward.is_trusted_peer) dropped |= set_of(FieldId::x_forwarded_host, FieldId::x_forwarded_proto);
  if (forward.framing.kind == BodyFraming::Kind::chunked) dropped &= ~bit_of(FieldId::trailer);
  if (forward.connection == ConnectionPolicy::upgrade) dropped &= ~bit_of(FieldId::upgrade);
  // RFC 9110 §10.1.1: not in HTTP/1.0, and not without a body.
  if (!head.expect_continue) dropped |= bit_of(FieldId::expect);
  return dropped;
}

std::uint64_t dropped_from_response(const ResponseHead& head, const ResponseForward& forward) {
  std::uint64_t dropped = hop_by_hop | bit_of(FieldId::x_request_id);
  if (forward.framing.kind == BodyFraming::Kind::chunked) dropped &= ~bit_of(FieldId::trailer);
  if (forward.connection == ConnectionPolicy::upgrade) dropped &= ~bit_of(FieldId::upgrade);
  // What the body would have been, RFC 9110 §8.6; never with 1xx or 204.
  bool may_tell_length = head.status / 100 != 1 && head.status != 204;
  if (forward.framing.kind == BodyFraming::Kind::none && may_tell_length) dropped &= ~bit_of(FieldId::content_length);
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
  std::uint64_t dropped = dropped_from_request(head, forward);
  write_kept_fields(out, head.fields, head.connection, dropped);
  write_framing(out, forward.framing);
  bool names_te = accepts_trailers(head);
  if (names_te) out.append("TE: trailers\r\n");
  write_connection(out, forward.connection, names_te);
  write_via(out, head.version, forward.via);
  write_forwarded_for(out, head.fields, forward.client_address);
  if (!is_kept(head.fields, FieldId::x_forwarded_proto, dropped)) {
    write_field_unless_empty(out, "X-Forwarded-Proto", forward.scheme);
  }
  if (!is_kept(head.fields, FieldId::x_forwarded_host, dropped)) {
    write_field_unless_empty(out, "X-Forwarded-Host", head.authority);
  }
  write_field_unless_empty(out, "X-Request-ID", forward.request_id);
  out.append("\r\n");
}

void write_response_head(Writer& out, const ResponseHead& head, const ResponseForward& forward) noexcept {
  SLUICE_ASSERT(head.status >= 100 && head.status <= 599);
  out.append("HTTP/1.1 ");
  out.append_decimal(static_cast<std::uint64_t>(head.status));
  out.append(' ');
  out.append(head.reason);
  out.append("\r\n");
  std::uint64_t dropped = dropped_from_response(head, forward);
  write_kept_fields(out, head.fields, head.connection, dropped);
  if (!head.is_interim()) {
    write_framing(out, forward.framing);
    write_connection(out, forward.connection, false);
    // RFC 9110 §6.6.1: who forwards a message without Date adds it.
    if (!head.fields.contains(FieldId::date)) out.append_field("Date", forward.date);
    write_via(out, head.version, forward.via);
    write_field_unless_empty(out, "X-Request-ID", forward.request_id);
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

void write_error_response(Writer& out, const ErrorReply& reply) noexcept {
  SLUICE_ASSERT(reply.status >= 300 && reply.status <= 599 && reply.status != 304);
  std::string_view reason = status_reason(reply.status);
  out.append("HTTP/1.1 ");
  out.append_decimal(static_cast<std::uint64_t>(reply.status));
  out.append(' ');
  out.append(reason);
  out.append("\r\nContent-Type: text/plain; charset=utf-8\r\n");
  write_framing(out, BodyFraming::of_length(4 + reason.size() + 1));
  write_connection(out, reply.connection, false);
  out.append_field("Date", reply.date);
  write_field_unless_empty(out, "X-Request-ID", reply.request_id);
  out.append("\r\n");
  if (reply.omits_body) return;
  out.append_decimal(static_cast<std::uint64_t>(reply.status));
  out.append(' ');
  out.append(reason);
  out.append('\n');
}

}  // namespace sluice::http
