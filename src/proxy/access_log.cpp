#include "proxy/access_log.hpp"

#include <algorithm>
#include <chrono>

namespace sluice::proxy {

namespace {

// Longest text of a client that goes into a line, so that all of them fit even if every byte is escaped.
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t escaped_bytes_max = 1536;

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_escaped(http::Writer& out, char c) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    const char pair[2] = {'\\', c};
    out.append(std::string_view(pair, 2));
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  const char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
  out.append(std::string_view(escape, 6));
}

void append_text(http::Writer& out, std::string_view text) noexcept {
  text = text.substr(0, text_bytes_max);
  const std::size_t start = out.size();
  while (!text.empty()) {
    auto plain_end = std::find_if_not(text.begin(), text.end(), is_plain);
    out.append(std::string_view(text.begin(), plain_end));
    text.remove_prefix(static_cast<std::size_t>(plain_end - text.begin()));
    if (text.empty()) return;
    append_escaped(out, text.front());
    text.remove_prefix(1);
    if (out.size() - start > escaped_bytes_max) return;
  }
}

void append_string(http::Writer& out, std::string_view key, std::string_view text) noexcept {
  if (text.empty()) return;
  out.append(key);
  append_text(out, text);
  out.append('"');
}

void append_number(http::Writer& out, std::string_view key, std::uint64_t value) noexcept {
  out.append(key);
  out.append_decimal(value);
}

void append_padded(http::Writer& out, std::uint64_t value, int digits) noexcept {
  char text[8];
  for (int i = digits - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(std::string_view(text, static_cast<std::size_t>(digits)));
}

void append_seconds(http::Writer& out, std::string_view key, Duration duration) noexcept {
  if (duration.count() < 0) return;
  auto microseconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  out.append(key);
  out.append_decimal(microseconds / 1'000'000);
  out.append('.');
  append_padded(out, microseconds % 1'000'000, 6);
}

// RFC 3339 in UTC with milliseconds.
void append_timestamp(http::Writer& out, std::int64_t unix_ms) noexcept {
  using namespace std::chrono;
  const sys_time<milliseconds> instant{milliseconds(unix_ms)};
  const auto day = floor<days>(instant);
  const year_month_day date(day);
  const hh_mm_ss time(instant - day);
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out.append('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.append('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.append('T');
  append_padded(out, static_cast<std::uint64_t>(time.hours().count()), 2);
  out.append(':');
  append_padded(out, static_cast<std::uint64_t>(time.minutes().count()), 2);
  out.append(':');
  append_padded(out, static_cast<std::uint64_t>(time.seconds().count()), 2);
  out.append('.');
  append_padded(out, static_cast<std::uint64_t>(time.subseconds().count()), 3);
  out.append('Z');
}

}  // namespace

void write_json_line(http::Writer& out, const AccessLogEntry& entry) noexcept {
  out.append(R"({"ts":")");
  append_timestamp(out, entry.unix_ms);
  append_number(out, R"(","shard":)", entry.shard);
  append_string(out, R"(,"listener":")", entry.listener);
  append_string(out, R"(,"client":")", entry.client);
  append_string(out, R"(,"request_id":")", entry.request_id);
  append_string(out, R"(,"method":")", entry.method);
  append_string(out, R"(,"host":")", entry.host);
  append_string(out, R"(,"target":")", entry.target);
  append_string(out, R"(,"protocol":")", entry.protocol);
  append_number(out, R"(,"status":)", static_cast<std::uint64_t>(entry.status));
  append_number(out, R"(,"request_bytes":)", entry.request_bytes);
  append_number(out, R"(,"response_bytes":)", entry.response_bytes);
  append_string(out, R"(,"route":")", entry.route);
  append_string(out, R"(,"upstream":")", entry.upstream);
  append_string(out, R"(,"endpoint":")", entry.endpoint);
  if (entry.attempts != 0) {
    append_number(out, R"(,"attempts":)", entry.attempts);
    out.append(entry.is_upstream_reused ? R"(,"reused":true)" : R"(,"reused":false)");
  }
  append_seconds(out, R"(,"connect":)", entry.connect);
  append_seconds(out, R"(,"first_byte":)", entry.first_byte);
  append_seconds(out, R"(,"total":)", entry.total);
  append_string(out, R"(,"user_agent":")", entry.user_agent);
  append_string(out, R"(,"reason":")", entry.reason);
  append_string(out, R"(,"detail":")", entry.detail);
  out.append("}\n");
}

}  // namespace sluice::proxy
