#include "http/meaning.hpp"

#include "base/ascii.hpp"
#include "http/bytes.hpp"
#include "http/lines.hpp"

namespace sluice::http {
namespace {

void note_option(std::string_view option, ConnectionOptions& connection) {
  if (ascii::equals_ignoring_case(option, "keep-alive")) {
    connection.keep_alive = true;
  } else if (ascii::equals_ignoring_case(option, "close")) {
    connection.close = true;
  } else if (ascii::equals_ignoring_case(option, "upgrade")) {
    connection.upgrade = true;
  } else if (ascii::equals_ignoring_case(option, "te")) {
    connection.te = true;
  } else {
    connection.names_fields = true;
  }
}

// protocol = token [ "/" token ], RFC 9110 §7.8.
bool is_protocol(std::string_view text) {
  std::size_t slash = text.find('/');
  return is_token(text.substr(0, slash)) && (slash == std::string_view::npos || is_token(text.substr(slash + 1)));
}

Upgrade known_protocol(std::string_view value) {
  if (ascii::equals_ignoring_case(value, "websocket")) return Upgrade::websocket;
  if (ascii::equals_ignoring_case(value, "h2c")) return Upgrade::h2c;
  return Upgrade::other;
}

Reject read_upgrade(const FieldList& fields, Upgrade& upgrade) {
  for (const Field& field : fields) {
    if (field.id != FieldId::upgrade) continue;
    bool is_valid = for_each_element(field.value, [](std::string_view e) { return e.empty() || is_protocol(e); });
    if (!is_valid) return Reject::bad_connection;
    upgrade = upgrade == Upgrade::none ? known_protocol(field.value) : Upgrade::other;
  }
  return Reject::none;
}

// The only body coding that we take is one final `chunked`. Others could be forwarded only by decoding them, and who
// cannot decode must say 501 (RFC 9112 §6.1); `chunked` that is not the last coding, or comes twice, is an attack or a
// bug.
Reject read_transfer_encoding(const FieldList& fields) {
  std::size_t codings = 0;
  std::size_t chunked = 0;
  bool is_chunked_last = false;
  for (const Field& field : fields) {
    if (field.id != FieldId::transfer_encoding) continue;
    bool are_tokens = for_each_element(field.value, [&](std::string_view coding) {
      ++codings;
      is_chunked_last = ascii::equals_ignoring_case(coding, "chunked");
      chunked += is_chunked_last ? 1 : 0;
      return is_token(coding);
    });
    if (!are_tokens) return Reject::bad_transfer_encoding;
  }
  if (chunked > 1 || (chunked == 1 && !is_chunked_last)) return Reject::bad_transfer_encoding;
  return codings == chunked ? Reject::none : Reject::unknown_transfer_coding;
}

}  // namespace

Reject read_connection(const FieldList& fields, Version version, ConnectionOptions& connection,
                       Upgrade& upgrade) noexcept {
  connection = {};
  upgrade = Upgrade::none;
  if (fields.contains(FieldId::upgrade)) {
    Reject reject = read_upgrade(fields, upgrade);
    if (reject != Reject::none) return reject;
  }
  if (fields.contains(FieldId::connection)) {
    std::size_t options = 0;
    for (const Field& field : fields) {
      if (field.id != FieldId::connection) continue;
      bool are_tokens = for_each_element(field.value, [&](std::string_view option) {
        if (option.empty()) return true;
        note_option(option, connection);
        return ++options <= connection_options_max && is_token(option);
      });
      if (!are_tokens) return Reject::bad_connection;
    }
  }
  // RFC 9110 §7.8: Upgrade counts only when Connection names it, and never in HTTP/1.0.
  if (!connection.upgrade || version == Version::http_1_0) upgrade = Upgrade::none;
  return Reject::none;
}

Reject read_framing(const FieldList& fields, Version version, BodyFraming& framing) noexcept {
  framing = BodyFraming::none();
  bool has_length = fields.contains(FieldId::content_length);
  if (fields.contains(FieldId::transfer_encoding)) {
    // RFC 9112 §6.1 calls both of these faulty framing.
    if (has_length) return Reject::content_length_with_transfer_encoding;
    if (version == Version::http_1_0) return Reject::transfer_encoding_in_http_1_0;
    framing = BodyFraming::chunked();
    return read_transfer_encoding(fields);
  }
  if (!has_length) return Reject::none;
  // RFC 9112 §6.3 rule 5 would forgive equal repetitions; they have no honest use either.
  if (fields.is_repeated(FieldId::content_length)) return Reject::repeated_content_length;
  std::optional<std::uint64_t> length = ascii::parse_decimal(fields.find(FieldId::content_length)->value);
  // Sums of lengths and offsets are signed in the kernel.
  if (!length || *length > INT64_MAX) return Reject::bad_content_length;
  framing = BodyFraming::of_length(*length);
  return Reject::none;
}

bool persists(Version version, const ConnectionOptions& connection) noexcept {
  if (connection.close) return false;
  return version == Version::http_1_1 || connection.keep_alive;
}

}  // namespace sluice::http
