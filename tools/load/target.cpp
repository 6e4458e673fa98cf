#include "target.hpp"

#include <array>

#include "base/ascii.hpp"
#include "base/limits.hpp"
#include "http/bytes.hpp"
#include "http/uri.hpp"

namespace sluice::load {
namespace {

constexpr std::string_view scheme = "http://";

// What the tool writes itself: a second one would break the framing or contradict it.
constexpr std::array<std::string_view, 3> own_fields{"connection", "content-length", "transfer-encoding"};

std::string_view name_of(std::string_view line) { return line.substr(0, line.find(':')); }

bool is_host(std::string_view line) { return ascii::equals_ignoring_case(name_of(line), "host"); }

bool is_target(std::string_view target) {
  const std::size_t query = target.find('?');
  if (!http::are_bytes(target.substr(0, query), http::byte_path)) return false;
  return query == std::string_view::npos || http::are_bytes(target.substr(query), http::byte_query);
}

}  // namespace

std::expected<Url, std::string> parse_url(std::string_view text) {
  if (text.starts_with("https://")) return std::unexpected("https is not supported, only http");
  if (!text.starts_with(scheme)) return std::unexpected("a URL begins with http://");
  text.remove_prefix(scheme.size());
  const std::size_t end = text.find_first_of("/?#");
  const std::string_view authority = text.substr(0, end);
  std::string_view rest = end == std::string_view::npos ? std::string_view() : text.substr(end);
  if (authority.contains('@')) return std::unexpected("a user name in a URL is not supported");
  const std::optional<http::Authority> parts = http::parse_authority(authority);
  if (!parts) return std::unexpected("there is no valid host and port in it");
  if (rest.contains('#')) return std::unexpected("a fragment is never sent");

  Url url;
  url.authority = authority;
  url.host = parts->host;
  if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
  url.port = parts->port.value_or(80);
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  if (!is_target(url.target)) return std::unexpected("its path or query has a byte that must be escaped");
  if (url.target.size() > limits::target_bytes_max) return std::unexpected("it is too long");
  return url;
}

std::optional<WeightedUrl> parse_weighted(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && ascii::is_digit(text[digits])) ++digits;
  if (digits == 0 || digits == text.size() || text[digits] != '@') return WeightedUrl{1, std::string(text)};
  const std::optional<std::uint64_t> weight = ascii::parse_decimal(text.substr(0, digits));
  if (!weight || *weight == 0 || *weight > weight_max) return std::nullopt;
  return WeightedUrl{static_cast<unsigned>(*weight), std::string(text.substr(digits + 1))};
}

std::optional<std::string> header_problem(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "it is not of the form 'Name: value'";
  const std::string_view name = line.substr(0, colon);
  if (!http::is_token(name)) return "its name is not a valid field name";
  for (char c : line.substr(colon + 1)) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return "its value has a control character";
  }
  for (std::string_view own : own_fields) {
    if (ascii::equals_ignoring_case(name, own)) return "it is written as --body-bytes and --no-keep-alive say";
  }
  return std::nullopt;
}

std::string write_request(const Url& url, const RequestShape& shape) {
  std::string text = shape.method + " " + url.target + " HTTP/1.1\r\n";
  bool has_host = false;
  for (const std::string& line : shape.headers) has_host = has_host || is_host(line);
  if (!has_host) text += "Host: " + url.authority + "\r\n";
  for (const std::string& line : shape.headers) {
    const std::string_view value = ascii::trim_ows(std::string_view(line).substr(line.find(':') + 1));
    text += std::string(name_of(line)) + ": " + std::string(value) + "\r\n";
  }
  if (shape.announces_body) text += "Content-Length: " + std::to_string(shape.body.size()) + "\r\n";
  if (!shape.keep_alive) text += "Connection: close\r\n";
  return text + "\r\n" + shape.body;
}

http::Method method_of(std::string_view text) {
  for (auto method : {http::Method::get, http::Method::head, http::Method::post, http::Method::put,
                      http::Method::delete_, http::Method::options, http::Method::trace, http::Method::patch}) {
    if (text == to_string(method)) return method;
  }
  return http::Method::other;
}

}  // namespace sluice::load
