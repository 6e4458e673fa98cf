#include "http/uri.hpp"

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "http/bytes.hpp"

namespace sluice::http {
namespace {

// 1*DIGIT from 1 to 65535 without leading zeros. RFC 3986 also allows no digits at all; two spellings of one authority
// help nobody but those who want two parsers to disagree.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return std::nullopt;
  std::optional<std::uint64_t> value = ascii::parse_decimal(text);
  if (!value || *value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

// Labels with single dots between them; a dot may end the last one (the root of the DNS).
bool is_host_name(std::string_view host) {
  bool after_dot = true;
  for (char c : host) {
    if (c == '.') {
      if (after_dot) return false;
      after_dot = true;
    } else {
      if (!is_byte(c, byte_host)) return false;
      after_dot = false;
    }
  }
  return !host.empty() && host != ".";
}

// dec-octet "." dec-octet "." dec-octet "." dec-octet, RFC 3986 §3.2.2.
bool is_ipv4(std::string_view text) {
  for (int octets = 0; octets < 4; ++octets) {
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < text.size() && digits < 4 && ascii::is_digit(text[digits])) {
      value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    }
    bool has_leading_zero = digits > 1 && text.front() == '0';
    if (digits == 0 || value > 255 || has_leading_zero) return false;
    text.remove_prefix(digits);
    if (octets == 3) return text.empty();
    if (text.empty() || text.front() != '.') return false;
    text.remove_prefix(1);
  }
  return false;
}

// IPv6address, RFC 3986 §3.2.2, without its brackets.
bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool has_gap = false;
  if (text.starts_with("::")) {
    has_gap = true;
    text.remove_prefix(2);
    if (text.empty()) return true;
  }
  while (true) {
    std::size_t digits = 0;
    while (digits < text.size() && digits < 5 && ascii::hex_value(text[digits]) >= 0) ++digits;
    if (digits < text.size() && text[digits] == '.') {
      groups += 2;
      return is_ipv4(text) && (has_gap ? groups <= 7 : groups == 8);
    }
    if (digits == 0 || digits > 4) return false;
    ++groups;
    text.remove_prefix(digits);
    if (text.empty()) return has_gap ? groups <= 7 : groups == 8;
    if (text.starts_with("::")) {
      if (has_gap) return false;
      has_gap = true;
      text.remove_prefix(2);
      if (text.empty()) return groups <= 7;
    } else if (text.front() == ':') {
      text.remove_prefix(1);
    } else {
      return false;
    }
  }
}

std::optional<Authority> with_port(std::string_view host, std::string_view rest) {
  if (rest.empty()) return Authority{host, std::nullopt};
  if (rest.front() != ':') return std::nullopt;
  std::optional<std::uint16_t> port = parse_port(rest.substr(1));
  if (!port) return std::nullopt;
  return Authority{host, port};
}

// Nothing to do: no escape, no segment that begins with a dot, no two slashes in a row.
bool is_plain_path(std::string_view path) {
  char previous = 0;
  for (char c : path) {
    if (!is_byte(c, byte_path) || c == '%' || (previous == '/' && (c == '.' || c == '/'))) return false;
    previous = c;
  }
  return true;
}

bool is_dots(std::string_view text) { return text == "." || text == ".."; }

// Whether a normalised segment is or has a dot segment for a reader that takes "%2F" and "%5C" for separators, or that
// takes what follows a ';' for parameters and off. Both kinds of reader exist, and get paths that were matched as a
// name.
bool hides_dots(std::string_view segment) {
  while (true) {
    std::size_t end = segment.find('%');
    while (end != std::string_view::npos && segment.substr(end, 3) != "%2F" && segment.substr(end, 3) != "%5C") {
      end = segment.find('%', end + 1);
    }
    std::string_view part = segment.substr(0, end);
    if (is_dots(part.substr(0, part.find(';')))) return true;
    if (end == std::string_view::npos) return false;
    segment.remove_prefix(end + 3);
  }
}

// Whether two escaped bytes in a row begin a longer form of UTF-8 than the character needs (RFC 3629 §3).
bool is_overlong(int lead, int next) {
  switch (lead) {
    case 0xc0:
    case 0xc1:
      return next >= 0x80 && next <= 0xbf;
    case 0xe0:
      return next >= 0x80 && next <= 0x9f;
    case 0xf0:
      return next >= 0x80 && next <= 0x8f;
    default:
      return false;
  }
}

// What: builds a normalised path segment by segment.
class PathBuilder {
 public:
  PathBuilder(std::span<char> out, PathRules rules) : out_(out), rules_(rules) {}

  // Takes the bytes of a path, which begins with '/', up to the next segment. Returns false when a rule is broken.
  bool take(std::string_view path) {
    std::size_t at = 0;
    while (at < path.size()) {
      out_[size_++] = '/';
      std::size_t segment = size_;
      previous_escape_ = 0;
      ++at;
      while (at < path.size() && path[at] != '/') {
        if (!take_byte(path, at)) return false;
      }
      if (!end_segment(segment, at == path.size())) return false;
    }
    return true;
  }

  [[nodiscard]] std::string_view text() const { return {out_.data(), size_}; }
  [[nodiscard]] PathError error() const { return error_; }

 private:
  bool fail(PathError error) {
    error_ = error;
    return false;
  }

  bool take_byte(std::string_view path, std::size_t& at) {
    char c = path[at];
    if (c != '%') {
      if (!is_byte(c, byte_path)) return fail(PathError::bad_byte);
      previous_escape_ = 0;
      out_[size_++] = c;
      ++at;
      return true;
    }
    if (path.size() - at < 3) return fail(PathError::bad_escape);
    int high = ascii::hex_value(path[at + 1]);
    int low = ascii::hex_value(path[at + 2]);
    if (high < 0 || low < 0) return fail(PathError::bad_escape);
    at += 3;
    int value = high * 16 + low;
    if (value < 0x20 || value == 0x7f) return fail(PathError::encoded_control);
    if (is_overlong(previous_escape_, value)) return fail(PathError::overlong_utf8);
    previous_escape_ = value;
    if (is_byte(static_cast<char>(value), byte_unreserved)) {
      out_[size_++] = static_cast<char>(value);
      return true;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    out_[size_++] = '%';
    out_[size_++] = digits[static_cast<std::size_t>(high)];
    out_[size_++] = digits[static_cast<std::size_t>(low)];
    return true;
  }

  // RFC 3986 §5.2.4. What is written of the segment begins at `begin`, behind its slash.
  bool end_segment(std::size_t begin, bool is_last) {
    std::string_view segment(out_.data() + begin, size_ - begin);
    if (segment.empty()) {
      if (rules_.merge_slashes && !is_last) size_ = begin - 1;
      return true;
    }
    if (!is_dots(segment)) return !hides_dots(segment) || fail(PathError::hidden_dots);
    if (!rules_.resolve_dots) return fail(PathError::dot_segment);
    size_ = begin - 1;
    if (segment == "..") {
      if (size_ == 0) return fail(PathError::above_root);
      while (out_[--size_] != '/') {
      }
    }
    if (is_last) out_[size_++] = '/';
    return true;
  }

  std::span<char> out_;
  PathRules rules_;
  std::size_t size_ = 0;
  int previous_escape_ = 0;  // directly before, in this segment; 0: none
  PathError error_ = PathError::bad_byte;
};

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return std::nullopt;
    return with_port(text.substr(0, end + 1), text.substr(end + 1));
  }
  std::size_t end = text.find(':');
  std::string_view host = text.substr(0, end);
  if (host.size() > host_bytes_max || !is_host_name(host)) return std::nullopt;
  return with_port(host, text.substr(host.size()));
}

std::string_view lower_host(std::string_view host, std::span<char> out) noexcept {
  SLUICE_ASSERT(host.size() <= out.size());
  if (host.ends_with('.')) host.remove_suffix(1);
  for (std::size_t i = 0; i < host.size(); ++i) out[i] = ascii::lower(host[i]);
  return {out.data(), host.size()};
}

std::string_view to_string(PathError error) noexcept {
  switch (error) {
    case PathError::not_absolute:
      return "not_absolute";
    case PathError::bad_escape:
      return "bad_escape";
    case PathError::encoded_control:
      return "encoded_control";
    case PathError::bad_byte:
      return "bad_byte";
    case PathError::above_root:
      return "above_root";
    case PathError::hidden_dots:
      return "hidden_dots";
    case PathError::overlong_utf8:
      return "overlong_utf8";
    case PathError::dot_segment:
      return "dot_segment";
    case PathError::too_long:
      return "too_long";
  }
  return "unknown";
}

std::expected<std::string_view, PathError> normalize_path(std::string_view path, std::span<char> out,
                                                          PathRules rules) noexcept {
  if (!path.starts_with('/')) return std::unexpected(PathError::not_absolute);
  if (is_plain_path(path)) return path;
  if (out.size() < path.size()) return std::unexpected(PathError::too_long);  // it never grows
  PathBuilder builder(out, rules);
  if (!builder.take(path)) return std::unexpected(builder.error());
  return builder.text();
}

}  // namespace sluice::http
