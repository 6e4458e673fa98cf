#include "http/start_line.hpp"

#include "base/ascii.hpp"
#include "http/bytes.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t version_bytes = 8;  // "HTTP/1.1"

Reject parse_version(std::string_view text, Version& out) {
  if (text == "HTTP/1.1") {
    out = Version::http_1_1;
  } else if (text == "HTTP/1.0") {
    out = Version::http_1_0;
  } else {
    bool is_version = text.size() == version_bytes && text.starts_with("HTTP/") && ascii::is_digit(text[5]) &&
                      text[6] == '.' && ascii::is_digit(text[7]);
    return is_version ? Reject::unsupported_version : Reject::bad_version;
  }
  return Reject::none;
}

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "POST") return Method::post;
      if (text == "HEAD") return Method::head;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      break;
    case 6:
      if (text == "DELETE") return Method::delete_;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      if (text == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

bool set_authority(std::string_view text, RequestHead& out) {
  std::optional<Authority> authority = parse_authority(text);
  if (!authority) return false;
  out.authority = text;
  out.host = *authority;
  return true;
}

// absolute-path [ "?" query ]; an escape is looked at by normalize_path, which sees only what a route may match.
bool set_path_and_query(std::string_view text, RequestHead& out) {
  std::size_t path = 0;
  while (path < text.size() && is_byte(text[path], byte_path)) ++path;
  out.path = text.substr(0, path);
  out.query = text.substr(path);
  return out.query.empty() || (out.query.front() == '?' && are_bytes(out.query, byte_query));
}

// RFC 9112 §3.2.2. Both schemes may come over either kind of connection; what the connection is decides nothing here.
bool parse_absolute_form(std::string_view target, RequestHead& out) {
  std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return false;
  std::string_view scheme = target.substr(0, colon);
  if (!ascii::equals_ignoring_case(scheme, "http") && !ascii::equals_ignoring_case(scheme, "https")) return false;
  std::string_view rest = target.substr(colon + 3);
  std::size_t authority = rest.find_first_of("/?");
  if (!set_authority(rest.substr(0, authority), out)) return false;
  rest = authority == std::string_view::npos ? std::string_view() : rest.substr(authority);
  if (!set_path_and_query(rest, out)) return false;
  if (out.path.empty()) {
    // RFC 9112 §3.2.4: OPTIONS without path and query is about the server as a whole.
    out.path = out.method == Method::options && out.query.empty() ? "*" : "/";
  }
  out.target_form = TargetForm::absolute;
  return true;
}

bool parse_target(std::string_view target, RequestHead& out) {
  out.target = target;
  out.authority = {};
  out.host = {};
  if (out.method == Method::connect) {
    // RFC 9112 §3.2.3: host and port, nothing else, and only here.
    out.target_form = TargetForm::authority;
    out.path = {};
    out.query = {};
    return set_authority(target, out) && out.host.port.has_value();
  }
  if (target.front() == '/') {
    out.target_form = TargetForm::origin;
    return set_path_and_query(target, out);
  }
  if (target == "*") {
    out.target_form = TargetForm::asterisk;
    out.path = target;
    out.query = {};
    return out.method == Method::options;  // RFC 9112 §3.2.4
  }
  return parse_absolute_form(target, out);
}

}  // namespace

Reject parse_request_line(std::string_view line, std::size_t target_bytes_max, RequestHead& out) noexcept {
  // RFC 9112 §3 lets a server forgive other white space; nobody sends it but to be misunderstood.
  std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) return Reject::bad_request_line;
  out.method_text = line.substr(0, method_end);
  if (!is_token(out.method_text)) return Reject::bad_method;
  out.method = method_of(out.method_text);

  std::string_view rest = line.substr(method_end + 1);
  std::size_t target_end = rest.find(' ');
  if (target_end > target_bytes_max && rest.size() > target_bytes_max) return Reject::target_too_long;
  if (target_end == 0 || target_end == std::string_view::npos) return Reject::bad_request_line;
  std::string_view version = rest.substr(target_end + 1);
  if (version.find(' ') != std::string_view::npos) return Reject::bad_request_line;
  Reject reject = parse_version(version, out.version);
  if (reject != Reject::none) return reject;
  return parse_target(rest.substr(0, target_end), out) ? Reject::none : Reject::bad_target;
}

Reject parse_status_line(std::string_view line, ResponseHead& out) noexcept {
  // status-line = HTTP-version SP status-code SP [ reason-phrase ], RFC 9112 §4. Servers leave the second SP out with
  // the reason, and nothing depends on it.
  std::size_t version_end = line.find(' ');
  if (version_end == std::string_view::npos) return Reject::bad_status_line;
  Reject reject = parse_version(line.substr(0, version_end), out.version);
  if (reject != Reject::none) return reject;
  std::string_view rest = line.substr(version_end + 1);
  if (rest.size() < 3 || (rest.size() > 3 && rest[3] != ' ')) return Reject::bad_status_line;
  int status = 0;
  for (char c : rest.substr(0, 3)) {
    if (!ascii::is_digit(c)) return Reject::bad_status_line;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return Reject::bad_status_line;
  out.status = status;
  out.reason = rest.size() > 4 ? rest.substr(4) : std::string_view();
  return Reject::none;
}

}  // namespace sluice::http
