#include "http/forwarded.hpp"

#include <array>
#include <span>

#include "base/ascii.hpp"
#include "http/bytes.hpp"

namespace sluice::http {
namespace {

// Whether the quote at `at` is escaped: behind an odd number of backslashes.
bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t backslashes = 0;
  while (backslashes < at && text[at - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 != 0;
}

// Where the last element of a list begins. It is looked for from the right, and so found whole whatever was put to the
// left of it: a stranger's open quote cannot swallow what a trusted proxy appended.
std::size_t last_element(std::string_view list, bool has_quotes) {
  if (!has_quotes) {
    const std::size_t comma = list.rfind(',');
    return comma == std::string_view::npos ? 0 : comma + 1;
  }
  bool is_quoted = false;
  for (std::size_t i = list.size(); i != 0; --i) {
    const char c = list[i - 1];
    if (c == '"' && !is_escaped(list, i - 1)) is_quoted = !is_quoted;
    if (c == ',' && !is_quoted) return i;
  }
  return 0;
}

// port = 1*5DIGIT / obfport, RFC 7239 §6.
bool is_node_port(std::string_view text) {
  if (text.starts_with('_')) return text.size() > 1 && is_token(text);
  if (text.empty() || text.size() > 5) return false;
  for (char c : text) {
    if (!ascii::is_digit(c)) return false;
  }
  return true;
}

// A quoted-string (RFC 9110 §5.6.4) without its quotes and backslashes, or a token as it is. out: room for it.
std::optional<std::string_view> unquote(std::string_view value, std::span<char> out) {
  if (!value.starts_with('"')) return is_token(value) ? std::optional(value) : std::nullopt;
  if (value.size() < 2 || !value.ends_with('"')) return std::nullopt;
  value = value.substr(1, value.size() - 2);
  std::size_t size = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '"') return std::nullopt;
    if (value[i] == '\\') ++i;
    if (i == value.size() || size == out.size()) return std::nullopt;
    out[size++] = value[i];
  }
  return std::string_view(out.data(), size);
}

// Takes the text up to the next ';' outside of quotes off the front.
std::string_view take_pair(std::string_view& rest) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (is_quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (c == ';' && !is_quoted) {
      std::string_view pair = rest.substr(0, i);
      rest.remove_prefix(i + 1);
      return ascii::trim_ows(pair);
    }
  }
  std::string_view pair = rest;
  rest = {};
  return ascii::trim_ows(pair);
}

// A literal, which outlives the head.
std::string_view scheme_of(std::string_view text) {
  if (ascii::equals_ignoring_case(text, "https")) return "https";
  if (ascii::equals_ignoring_case(text, "http")) return "http";
  return {};
}

std::string_view scheme_of_proto(const FieldList& fields) {
  if (fields.is_repeated(FieldId::x_forwarded_proto)) return {};
  return scheme_of(fields.value_of(FieldId::x_forwarded_proto).value_or(std::string_view()));
}

bool is_request_id_byte(char c) { return is_byte(c, byte_unreserved) || std::string_view("+/=:@").contains(c); }

}  // namespace

std::string_view to_string(HopField field) noexcept {
  switch (field) {
    case HopField::x_forwarded_for:
      return "x-forwarded-for";
    case HopField::forwarded:
      return "forwarded";
  }
  return "unknown";
}

ClientClaim find_client(const FieldList& fields, HopField field, const IpSet& trusted) noexcept {
  const bool is_forwarded = field == HopField::forwarded;
  const FieldId id = is_forwarded ? FieldId::forwarded : FieldId::x_forwarded_for;
  ClientClaim client;
  if (!is_forwarded) client.scheme = scheme_of_proto(fields);
  if (!fields.contains(id)) return client;
  unsigned hops = 0;
  for (std::size_t i = fields.size(); i != 0; --i) {
    if (fields[i - 1].id != id) continue;
    std::string_view list = fields[i - 1].value;
    for (bool has_more = true; has_more;) {
      const std::size_t begin = last_element(list, is_forwarded);
      const std::string_view element = ascii::trim_ows(list.substr(begin));
      has_more = begin != 0;
      list = list.substr(0, has_more ? begin - 1 : 0);
      if (++hops > forwarded_hops_max) return client;
      if (element.empty()) continue;  // RFC 9110 §5.6.1.2
      const ClientClaim hop =
          is_forwarded ? parse_forwarded_element(element) : ClientClaim{parse_hop(element), client.scheme};
      if (!hop.address) return client;
      client = hop;
      if (!trusted.contains(*hop.address)) return client;
    }
  }
  return client;
}

std::optional<IpAddress> parse_hop(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_node_port(rest.substr(1)))) return std::nullopt;
    const std::string_view host = text.substr(1, end - 1);
    return host.contains(':') ? IpAddress::parse(host) : std::nullopt;
  }
  const std::size_t colon = text.find(':');
  const bool has_port = colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  if (!has_port) return IpAddress::parse(text);
  return is_node_port(text.substr(colon + 1)) ? IpAddress::parse(text.substr(0, colon)) : std::nullopt;
}

ClientClaim parse_forwarded_element(std::string_view element) noexcept {
  ClientClaim hop;
  bool has_for = false;
  while (!element.empty()) {
    const std::string_view pair = take_pair(element);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (equals == std::string_view::npos || !is_token(name)) return {};
    // Longer than any node that is an address, and than any scheme; the other parameters are not looked into.
    std::array<char, 64> memory;
    const std::string_view value = pair.substr(equals + 1);
    if (ascii::equals_ignoring_case(name, "for")) {
      const std::optional<std::string_view> node = unquote(value, memory);
      // RFC 7239 §6: an IPv6 address stands in brackets here.
      if (has_for || !node || (!node->starts_with('[') && node->find(':') != node->rfind(':'))) return {};
      has_for = true;
      hop.address = parse_hop(*node);
    } else if (ascii::equals_ignoring_case(name, "proto")) {
      hop.scheme = scheme_of(unquote(value, memory).value_or(std::string_view()));
    }
  }
  return hop;
}

bool is_request_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > request_id_bytes_max) return false;
  for (char c : text) {
    if (!is_request_id_byte(c)) return false;
  }
  return true;
}

}  // namespace sluice::http
