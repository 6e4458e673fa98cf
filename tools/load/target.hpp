#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.hpp"

namespace sluice::load {

// A URL taken apart: what is connected to, and what the request says.
struct Url {
  std::string authority;  // for Host
  std::string host;       // an IPv6 literal without its brackets
  std::uint16_t port = 80;
  std::string target;  // path and query

  friend bool operator==(const Url&, const Url&) = default;
};

// "http://host[:port][/path][?query]". The error is a clause that says what is wrong with it.
[[nodiscard]] std::expected<Url, std::string> parse_url(std::string_view text);

// "3@http://..." as the command line and files of URLs have it: the weight, 1 without one, and the rest.
struct WeightedUrl {
  unsigned weight = 1;
  std::string url;

  friend bool operator==(const WeightedUrl&, const WeightedUrl&) = default;
};
inline constexpr unsigned weight_max = 1000;
[[nodiscard]] std::optional<WeightedUrl> parse_weighted(std::string_view text);

// What is wrong with "Name: value" as a line of each request; nothing when it may be sent.
[[nodiscard]] std::optional<std::string> header_problem(std::string_view line);

// What all requests have in common.
struct RequestShape {
  std::string method = "GET";
  std::vector<std::string> headers;  // "Name: value"; Host in place of the URL's
  bool keep_alive = true;
  std::string body;
  bool announces_body = false;  // Content-Length, also where it is 0
};

// All bytes of a request.
[[nodiscard]] std::string write_request(const Url& url, const RequestShape& shape);

// The method as the parser of responses knows it.
[[nodiscard]] http::Method method_of(std::string_view text);

}  // namespace sluice::load
