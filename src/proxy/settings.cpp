#include "proxy/settings.hpp"

#include <algorithm>
#include <array>

namespace sluice::proxy {
namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;

constexpr auto log_list = std::to_array<config::Key<LogSettings>>({
    config::string<&LogSettings::access, config::Text>("access",
                                                       "File of the access log; a relative path starts at the "
                                                       "working directory. `\"off\"`: none."),
    config::choice<&LogSettings::format, log_format_names>(
        "format", "One JSON object a line, or the `combined` format of Apache httpd and nginx."),
    config::strings<&LogSettings::fields, LogFieldName>(
        "fields", {1, static_cast<std::int64_t>(log_field_count)},
        "What a JSON object tells, in this order; each field once. See below for the fields.")
        .otherwise("all but `body_bytes` and `referer`"),
    config::size<&LogSettings::buffer>("buffer", {4 * kib, 64 * mib},
                                       "Lines that each shard holds until they are written; when the disk is slower, "
                                       "further lines are dropped and counted."),
    config::duration<&LogSettings::flush>("flush", {std::chrono::milliseconds(10), std::chrono::minutes(1)},
                                          "Longest that a line waits in the buffer."),
});

constexpr auto limit_list = std::to_array<config::Key<LimitSettings>>({
    config::size<&LimitSettings::head_bytes>(
        "head_bytes", {1 * kib, 1 * mib},
        "A request or response head, start line included. Past it: 431, or 502 for a response."),
    config::integer<&LimitSettings::head_fields>("head_fields", {8, limits::head_fields_max},
                                                 "Field lines in one head. Past it: 431, or 502 for a response."),
    config::size<&LimitSettings::target_bytes>(
        "target_bytes", {256, 256 * kib}, "A request's target; it counts towards `head_bytes` as well. Past it: 414."),
    config::size<&LimitSettings::trailer_bytes>("trailer_bytes", {256, 1 * mib},
                                                "The trailer section behind a chunked body."),
    config::integer<&LimitSettings::max_connections>(
        "max_connections", {1, 10'000'000},
        "Connections from clients to each shard; past it new ones are closed at once, and counted.")
        .otherwise("what the descriptor limit allows, at most 10000"),
    config::integer<&LimitSettings::max_connections_per_client>(
        "max_connections_per_client", {1, 10'000'000},
        "Connections from one client to each shard: one IPv4 address, or one /64 of IPv6. Past it new ones are closed "
        "at once, and counted.")
        .otherwise("no limit"),
    config::integer<&LimitSettings::max_requests>(
        "max_requests", {1, 1'000'000'000},
        "Requests on one connection from a client; the last is answered with `close`.")
        .otherwise("no limit"),
    config::size<&LimitSettings::body_bytes>(
        "body_bytes", route::body_bytes_range,
        "Payload of a request body. Past it: 413; with `0` no request may have one.")
        .otherwise("no limit"),
    config::size<&LimitSettings::body_rate_min>(
        "body_rate_min", route::rate_range,
        "Bytes of a request body a second, at least, over each `idle` in which it is waited for. Below it: 408."),
    config::size<&LimitSettings::response_rate_min>(
        "response_rate_min", route::rate_range,
        "Bytes of a response a second, at least, that a client takes over each `idle` in which it is waited for."),
});

constexpr auto timeout_list = std::to_array<config::Key<TimeoutSettings>>({
    config::duration<&TimeoutSettings::head>("head", route::timeout_range,
                                             "From the first byte of a request to the end of its head."),
    config::duration<&TimeoutSettings::keep_alive>("keep_alive", route::timeout_range,
                                                   "How long a client's connection may be idle between requests."),
    config::duration<&TimeoutSettings::drain>("drain", route::timeout_range,
                                              "From SIGTERM until exchanges that are still running are cut off."),
    config::duration<&TimeoutSettings::connect>("connect", route::timeout_range,
                                                "To open a connection to an endpoint."),
    config::duration<&TimeoutSettings::first_byte>("first_byte", route::timeout_range,
                                                   "From the end of the request to the first byte of the response."),
    config::duration<&TimeoutSettings::idle>("idle", route::timeout_range,
                                             "Longest pause in a body, in either direction and on either side."),
    config::duration<&TimeoutSettings::tunnel>("tunnel", route::timeout_range,
                                               "Longest time in which nothing moves in a tunnel, in either direction."),
});

}  // namespace

LogLayout LogSettings::layout() const {
  LogLayout layout{.format = format};
  if (!fields.empty()) layout.fields.clear();
  for (const auto& field : fields) layout.fields.push_back(field.value);
  layout.needs_referer =
      format == LogFormat::combined || std::ranges::find(layout.fields, LogField::referer) != layout.fields.end();
  return layout;
}

constinit const config::Keys<LogSettings> log_keys = log_list;
constinit const config::Keys<LimitSettings> limit_keys = limit_list;
constinit const config::Keys<TimeoutSettings> timeout_keys = timeout_list;

}  // namespace sluice::proxy
