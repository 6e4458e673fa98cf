#include "route/host_name.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "config/problems.hpp"

namespace sluice::route {
namespace {

bool is_ip_literal(std::string_view host) {
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  std::string bare(host.substr(1, host.size() - 2));
  in6_addr address{};
  return !bare.contains('\0') && inet_pton(AF_INET6, bare.c_str(), &address) == 1;
}

bool is_label(std::string_view label) {
  constexpr std::size_t label_bytes_max = 63;  // RFC 1035 §2.3.4
  auto is_allowed = [](char c) {
    char l = ascii::lower(c);
    return (l >= 'a' && l <= 'z') || ascii::is_digit(c) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= label_bytes_max && std::ranges::all_of(label, is_allowed);
}

bool is_domain_name(std::string_view host) {
  constexpr std::size_t host_bytes_max = 253;
  if (host.size() > host_bytes_max) return false;
  while (true) {
    std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool ends_in_number(std::string_view host) {
  return std::ranges::all_of(host.substr(host.rfind('.') + 1), ascii::is_digit);
}

// Why `text` is no host; empty: it is one.
std::string_view refusal(std::string_view text) {
  bool is_literal = text.starts_with('[');
  if (text == "*") return "must be left out to mean any host";
  std::string_view name = text.substr(is_wildcard(text) ? 2 : 0);
  if (name.contains('*')) return "may have `*` only as its whole first label, as in \"*.example.com\"";
  if (name.contains('/')) return "must be a host name alone, without scheme or path";
  if (is_literal ? name.contains("]:") : name.contains(':')) return "must be a host name without a port";
  if (name.ends_with('.')) return "must be written without the dot at the end";
  if (!(is_literal ? is_ip_literal(name) : is_domain_name(name))) {
    return "must be a host name such as \"api.example.com\" (other scripts in their xn-- form)";
  }
  if (is_wildcard(text) && ends_in_number(name)) return "must not have `*` in an address";
  return {};
}

}  // namespace

config::Parsed<std::string> HostName::parse(std::string_view text) {
  if (std::string_view why = refusal(text); !why.empty()) {
    return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
  }
  std::string host(text);
  std::ranges::transform(host, host.begin(), ascii::lower);
  return host;
}

}  // namespace sluice::route
