#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::http {

// host and port of a target or a Host field (RFC 3986 §3.2, RFC 9110 §4.2).
struct Authority {
  std::string_view host;              // as received; an IPv6 literal keeps its brackets
  std::optional<std::uint16_t> port;  // 1 to 65535

  friend bool operator==(const Authority&, const Authority&) = default;
};

inline constexpr std::size_t host_bytes_max = 255;

// Takes an authority apart. Stricter than RFC 3986, which lets a host contain what no name contains: a host is labels
// of letters, digits, '-' and '_' with dots between them (one dot may end it), an IPv4 address, or an IPv6 literal in
// brackets without a zone. Not empty; no user information; a colon is followed by a port without leading zeros.
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text) noexcept;

// Writes the host in lower case and without the dot that may end it, as routes compare it.
// out: at least host_bytes_max bytes.
[[nodiscard]] std::string_view lower_host(std::string_view host, std::span<char> out) noexcept;

enum class PathError : std::uint8_t {
  not_absolute,     // does not begin with '/'
  bad_escape,       // '%' without two hexadecimal digits
  encoded_control,  // an escape for NUL or another control character
  bad_byte,         // a byte that a path may not contain
  above_root,       // dot segments that climb out of the root
  hidden_dots,      // a dot segment for those who decode "%2F" and "%5C" or cut at ';', and a name for others
  overlong_utf8,    // escapes that a careless decoder of UTF-8 reads as an ASCII character
  dot_segment,      // a dot segment where none is resolved
  too_long,         // does not fit
};
[[nodiscard]] std::string_view to_string(PathError error) noexcept;

// What a path may still be brought into.
struct PathRules {
  bool merge_slashes = true;  // "//" becomes "/"
  bool resolve_dots = true;   // dot segments are removed; else they are refused
};

// The form of a path that is both matched and forwarded: escapes of unreserved characters decoded, the other ones with
// upper-case digits, dot segments (written out or escaped) removed (RFC 3986 §5.2.4, §6.2.2), several slashes in a row
// made one unless the rules keep them. "%2F" stays what it is. RFC 3986 lets "/../a" end up at "/a"; here it is
// refused, since no honest client sends it, and so is what would be another path for a reader that decodes more than we
// do: "/a/..%2Fb", "/a/..;x/b", overlong UTF-8. Returns `path` itself when there is nothing to do, else a part of
// `out`, which needs at most path.size() bytes.
[[nodiscard]] std::expected<std::string_view, PathError> normalize_path(std::string_view path, std::span<char> out,
                                                                        PathRules rules = {}) noexcept;

}  // namespace sluice::http
