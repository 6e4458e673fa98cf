#include "route/path_pattern.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "config/problems.hpp"
#include "http/uri.hpp"

namespace sluice::route {
namespace {

bool is_letter(char c) {
  char l = ascii::lower(c);
  return l >= 'a' && l <= 'z';
}

// RFC 3986 §2.3
bool is_unreserved(char c) { return is_letter(c) || ascii::is_digit(c) || std::string_view("-._~").contains(c); }

std::string_view bad_escape(std::string_view path) {
  for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 1)) {
    auto is_upper_hex = [](char c) { return ascii::is_digit(c) || (c >= 'A' && c <= 'F'); };
    std::string_view digits = path.substr(i + 1, 2);
    if (digits.size() != 2 || !std::ranges::all_of(digits, is_upper_hex))
      return "must have `%` before two digits 0-9 or A-F";
    auto decoded = static_cast<char>(ascii::hex_value(digits[0]) * 16 + ascii::hex_value(digits[1]));
    if (is_unreserved(decoded)) return "must have letters, digits and `-._~` written plainly, not percent-encoded";
  }
  return {};
}

std::string_view sentence(http::PathError error) {
  switch (error) {
    case http::PathError::dot_segment:
    case http::PathError::above_root:
      return "must not have `.` or `..` segments";
    case http::PathError::hidden_dots:
      return "must not have `.` or `..` beside `%2F`, `%5C` or `;`: such requests are refused";
    case http::PathError::encoded_control:
      return "must not have escaped control characters: such requests are refused";
    case http::PathError::overlong_utf8:
      return "must not have overlong UTF-8: such requests are refused";
    default:
      return "must be a path that a request can have";
  }
}

// Writes `{}` for each `{name}` and collects the names. Returns why it cannot, or nothing.
std::string_view take_names(std::string_view text, PathPattern& pattern) {
  while (!text.empty()) {
    std::string_view segment = take_segment(text);
    pattern.path += '/';
    if (!segment.contains('{') && !segment.contains('}')) {
      pattern.path += segment;
      continue;
    }
    bool is_whole = segment.starts_with('{') && segment.find('}') == segment.size() - 1;
    std::string_view name = is_whole ? segment.substr(1, segment.size() - 2) : std::string_view();
    if (!is_capture_name(name)) return "may have braces only around the name that stands for a whole segment";
    if (std::ranges::find(pattern.names, name) != pattern.names.end()) return "must not have the same `{name}` twice";
    if (pattern.names.size() == Captures::count_max) return "must have at most 16 `{name}` segments";
    pattern.names.emplace_back(name);
    pattern.path += any_segment;
  }
  return {};
}

// The pattern with a letter in place of each "{}".
std::string plain_path(std::string_view path) {
  std::string plain;
  while (!path.empty()) {
    std::string_view segment = take_segment(path);
    plain += '/';
    plain += segment == any_segment ? "x" : segment;
  }
  return plain;
}

}  // namespace

std::string to_string(const PathPattern& pattern) {
  std::string text;
  std::size_t names = 0;
  for (std::string_view rest = pattern.path; !rest.empty();) {
    std::string_view segment = take_segment(rest);
    text += '/';
    if (segment == any_segment && names < pattern.names.size()) {
      text += fmt::format("{{{}}}", pattern.names[names++]);
    } else {
      text += segment;
    }
  }
  return pattern.is_prefix ? text + "/*" : text;
}

Captures capture(const PathPattern& pattern, std::string_view path) {
  Captures captures;
  for (std::string_view rest = pattern.path; !rest.empty();) {
    SLUICE_ASSERT(!path.empty());
    std::string_view segment = take_segment(path);
    if (take_segment(rest) == any_segment) captures.add(segment);
  }
  return captures;
}

std::size_t covered_bytes(const PathPattern& pattern, std::string_view path) {
  std::string_view behind = path;
  for (std::string_view rest = pattern.path; !rest.empty();) {
    SLUICE_ASSERT(!behind.empty());
    (void)take_segment(rest);
    (void)take_segment(behind);
  }
  return path.size() - behind.size();
}

std::string_view unreachable_path(std::string_view path) {
  // RFC 3986 §3.3, pchar and the slash.
  auto is_path_character = [](char c) { return is_unreserved(c) || std::string_view("/%!$&'()*+,;=:@").contains(c); };
  if (path.contains('?') || path.contains('#')) return "must be a path alone: the query is not matched";
  if (!std::ranges::all_of(path, is_path_character)) return "must have other characters percent-encoded";
  if (std::string_view why = bad_escape(path); !why.empty()) return why;
  if (path.contains("//")) return "must not have empty segments";
  std::string room(path.size(), '\0');
  auto normal = http::normalize_path(path, room, {.merge_slashes = true, .resolve_dots = false});
  if (!normal) return sentence(normal.error());
  SLUICE_ASSERT(*normal == path);
  return {};
}

bool is_capture_name(std::string_view name) {
  constexpr std::size_t bytes_max = 32;
  auto is_allowed = [](char c) { return is_letter(c) || ascii::is_digit(c) || c == '_'; };
  return !name.empty() && name.size() <= bytes_max && !ascii::is_digit(name.front()) &&
         std::ranges::all_of(name, is_allowed);
}

config::Parsed<PathPattern> Path::parse(std::string_view text) {
  constexpr std::size_t path_bytes_max = 1024;
  auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
  };
  if (!text.starts_with('/')) return refuse("must start with `/`");
  if (text.size() > path_bytes_max) return refuse("must be at most 1024 bytes long");
  PathPattern pattern;
  pattern.is_prefix = text.ends_with("/*");
  std::string_view path = pattern.is_prefix ? text.substr(0, text.size() - 2) : text;
  if (path.contains('*')) return refuse("may have `*` only as its last segment, where it stands for everything below");
  std::string_view why = take_names(path, pattern);
  if (why.empty() && !path.empty()) why = unreachable_path(plain_path(pattern.path));
  if (why.empty() && pattern.is_prefix && path.ends_with('/')) why = "must not have empty segments";
  if (!why.empty()) return refuse(why);
  return pattern;
}

}  // namespace sluice::route
