#include "request.hpp"

#include <optional>

#include "base/ascii.hpp"
#include "handlers.hpp"
#include "limits.hpp"

namespace sluice::origin {
namespace {

using Argument = Route::Argument;
using Body = Route::Body;

constexpr Route routes[] = {
    {"/", Argument::none, Body::discarded_first, serve_root},
    {"/size/", Argument::bytes, Body::discarded_first, serve_size},
    {"/upload", Argument::none, Body::left_to_handler, serve_upload},
    {"/echo", Argument::none, Body::left_to_handler, serve_echo},
    {"/delay/", Argument::milliseconds, Body::discarded_first, serve_delay},
    {"/status/", Argument::status, Body::discarded_first, serve_status},
    {"/head", Argument::none, Body::left_to_handler, serve_head},
    {"/drip", Argument::none, Body::discarded_first, serve_drip},
    {"/sse", Argument::none, Body::discarded_first, serve_sse},
    {"/interim", Argument::none, Body::discarded_first, serve_interim},
    {"/expect", Argument::none, Body::left_to_handler, serve_expect},
    {"/stats", Argument::none, Body::discarded_first, serve_stats},
    {"/early/", Argument::status, Body::left_to_handler, serve_early},
    {"/never", Argument::none, Body::left_to_handler, serve_never},
    {"/stall-read", Argument::none, Body::left_to_handler, serve_stall_read},
    {"/slow-head", Argument::none, Body::discarded_first, serve_slow_head},
    {"/close-before-response", Argument::none, Body::discarded_first, serve_close_before_response},
    {"/close-mid/", Argument::bytes, Body::discarded_first, serve_close_mid},
    {"/reset-mid/", Argument::bytes, Body::discarded_first, serve_reset_mid},
    {"/close-mid-chunked/", Argument::bytes, Body::discarded_first, serve_close_mid_chunked},
    {"/checksum-bad/", Argument::bytes, Body::discarded_first, serve_checksum_bad},
    {"/bad/", Argument::malformation, Body::discarded_first, serve_bad},
};

const Route* find_route(std::string_view path) {
  for (const Route& route : routes) {
    if (route.argument == Argument::none ? path == route.path : path.starts_with(route.path)) return &route;
  }
  return nullptr;
}

std::expected<std::uint64_t, Refusal> parse_argument(Argument argument, std::string_view text) {
  switch (argument) {
    case Argument::none:
      return 0;
    case Argument::bytes:
      return parse_number(text, body_bytes_max);
    case Argument::milliseconds:
      return parse_number(text, wait_ms_max);
    case Argument::status: {
      auto status = parse_number(text, 599);
      if (status && *status < 200) return std::unexpected(Refusal{400, "a status is 200 to 599"});
      return status;
    }
    case Argument::malformation: {
      std::optional<std::size_t> index = find_malformation(text);
      if (!index) return std::unexpected(Refusal{404, "no such kind of bad response"});
      return *index;
    }
  }
  return std::unexpected(Refusal{});
}

std::optional<Parameter> find_parameter(std::string_view name) {
  for (std::size_t i = 0; i < parameter_count; ++i) {
    auto parameter = static_cast<Parameter>(i);
    if (to_string(parameter) == name) return parameter;
  }
  return std::nullopt;
}

std::uint64_t max_of(Parameter parameter) {
  switch (parameter) {
    case Parameter::delay_ms:
    case Parameter::interval_ms:
    case Parameter::ms:
      return wait_ms_max;
    case Parameter::refuse:
    case Parameter::status:
      return 599;
    default:
      return body_bytes_max;
  }
}

// "a=1&b=2". A name that means nothing is refused: a test would believe that it did something.
std::expected<void, Refusal> read_parameters(std::string_view query, Request& request) {
  while (!query.empty()) {
    std::size_t end = query.find('&');
    std::string_view item = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    std::size_t equals = item.find('=');
    std::optional<Parameter> parameter = find_parameter(item.substr(0, equals));
    if (!parameter || equals == std::string_view::npos) {
      return std::unexpected(Refusal{400, "the query has an unknown parameter or one without a value"});
    }
    auto value = parse_number(item.substr(equals + 1), max_of(*parameter));
    if (!value) return std::unexpected(value.error());
    request.set(*parameter, *value);
  }
  return {};
}

}  // namespace

std::string_view to_string(Ending ending) noexcept {
  switch (ending) {
    case Ending::next:
      return "next";
    case Ending::close:
      return "close";
    case Ending::reset:
      return "reset";
    case Ending::failed:
      return "failed";
  }
  return "?";
}

std::string_view to_string(Parameter parameter) noexcept {
  switch (parameter) {
    case Parameter::boundary:
      return "boundary";
    case Parameter::bytes:
      return "bytes";
    case Parameter::checksum:
      return "checksum";
    case Parameter::chunk:
      return "chunk";
    case Parameter::chunked:
      return "chunked";
    case Parameter::close:
      return "close";
    case Parameter::count:
      return "count";
    case Parameter::delay_ms:
      return "delay_ms";
    case Parameter::events:
      return "events";
    case Parameter::interval_ms:
      return "interval_ms";
    case Parameter::ms:
      return "ms";
    case Parameter::refuse:
      return "refuse";
    case Parameter::reset:
      return "reset";
    case Parameter::reused:
      return "reused";
    case Parameter::silent:
      return "silent";
    case Parameter::size:
      return "size";
    case Parameter::status:
      return "status";
    case Parameter::trailers:
      return "trailers";
  }
  return "?";
}

std::expected<std::uint64_t, Refusal> parse_number(std::string_view text, std::uint64_t max) noexcept {
  unsigned shift = 0;
  if (text.ends_with('K')) shift = 10;
  if (text.ends_with('M')) shift = 20;
  if (shift != 0) text.remove_suffix(1);
  std::optional<std::uint64_t> value = ascii::parse_decimal(text);
  if (!value) return std::unexpected(Refusal{400, "a number is digits, with K or M behind them or not"});
  if (*value > max >> shift) return std::unexpected(Refusal{400, "the number is too large"});
  return *value << shift;
}

std::expected<void, Refusal> read_request(const http::RequestHead& head, Request& request) noexcept {
  request.method = head.method;
  request.version = head.version;
  request.framing = head.framing;
  request.keep_alive = head.keep_alive;
  request.expect_continue = head.expect_continue;
  request.route = find_route(head.path);
  if (request.route == nullptr) return std::unexpected(Refusal{404, "no such path: see sluice-origin --help"});
  auto argument = parse_argument(request.route->argument, head.path.substr(request.route->path.size()));
  if (!argument) return std::unexpected(argument.error());
  request.argument = *argument;
  // These two show the proxy's work on any target.
  if (request.route->serve == serve_head || request.route->serve == serve_echo) {
    request.content_type = head.fields.value_of(http::FieldId::content_type).value_or("");
    return {};
  }
  return head.query.empty() ? std::expected<void, Refusal>() : read_parameters(head.query.substr(1), request);
}

}  // namespace sluice::origin
