#include "proxy/access_log.hpp"

#include <algorithm>
#include <chrono>

namespace sluice::proxy {

namespace {

// Longest text of a client that goes into a line, so that all of them fit even if every byte is escaped.
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t escaped_bytes_max = 1536;

// How a text's bytes are written that do not stand for themselves.
enum class Escape : std::uint8_t { json, hex };

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_escaped(http::Writer& out, char c, Escape escape) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  if (escape == Escape::hex) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const char text[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    return out.append(std::string_view(text, 4));
  }
  if (c == '"' || c == '\\') {
    const char text[2] = {'\\', c};
    return out.append(std::string_view(text, 2));
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const char text[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
  out.append(std::string_view(text, 6));
}

void append_text(http::Writer& out, std::string_view text, Escape escape) noexcept {
  text = text.substr(0, text_bytes_max);
  const std::size_t start = out.size();
  while (!text.empty()) {
    auto plain_end = std::find_if_not(text.begin(), text.end(), is_plain);
    out.append(std::string_view(text.begin(), plain_end));
    text.remove_prefix(static_cast<std::size_t>(plain_end - text.begin()));
    if (text.empty()) return;
    append_escaped(out, text.front(), escape);
    text.remove_prefix(1);
    if (out.size() - start > escaped_bytes_max) return;
  }
}

void append_padded(http::Writer& out, std::uint64_t value, int digits) noexcept {
  char text[8];
  for (int i = digits - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(std::string_view(text, static_cast<std::size_t>(digits)));
}

// What: a moment in UTC, taken apart.
struct Moment {
  explicit Moment(std::int64_t unix_ms) {
    using namespace std::chrono;
    const sys_time<milliseconds> instant{milliseconds(unix_ms)};
    const auto midnight = floor<days>(instant);
    const year_month_day date(midnight);
    const hh_mm_ss time(instant - midnight);
    year = static_cast<unsigned>(static_cast<int>(date.year()));
    month = static_cast<unsigned>(date.month());
    day = static_cast<unsigned>(date.day());
    hour = static_cast<unsigned>(time.hours().count());
    minute = static_cast<unsigned>(time.minutes().count());
    second = static_cast<unsigned>(time.seconds().count());
    millisecond = static_cast<unsigned>(time.subseconds().count());
  }
  unsigned year, month, day, hour, minute, second, millisecond;
};

void append_clock(http::Writer& out, const Moment& moment) noexcept {
  append_padded(out, moment.hour, 2);
  out.append(':');
  append_padded(out, moment.minute, 2);
  out.append(':');
  append_padded(out, moment.second, 2);
}

// RFC 3339 in UTC with milliseconds.
void append_timestamp(http::Writer& out, std::int64_t unix_ms) noexcept {
  const Moment moment(unix_ms);
  append_padded(out, moment.year, 4);
  out.append('-');
  append_padded(out, moment.month, 2);
  out.append('-');
  append_padded(out, moment.day, 2);
  out.append('T');
  append_clock(out, moment);
  out.append('.');
  append_padded(out, moment.millisecond, 3);
  out.append('Z');
}

// "20/Nov/2026:07:42:35 +0000", as other servers write it in UTC.
void append_log_time(http::Writer& out, std::int64_t unix_ms) noexcept {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const Moment moment(unix_ms);
  append_padded(out, moment.day, 2);
  out.append('/');
  out.append(months.substr(std::size_t{3} * (moment.month - 1), 3));
  out.append('/');
  append_padded(out, moment.year, 4);
  out.append(':');
  append_clock(out, moment);
  out.append(" +0000");
}

// What: the members of one JSON object. A key comes with everything around it, as `,"key":`; the first one does without
// the comma.
class JsonObject {
 public:
  explicit JsonObject(http::Writer& out) : out_(out) { out_.append('{'); }
  void end() { out_.append("}\n"); }

  void literal(std::string_view text) {
    out_.append(text.substr(is_first_ ? 1 : 0));
    is_first_ = false;
  }
  // key: ends with the quote that opens the text.
  void string(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    literal(key);
    append_text(out_, text, Escape::json);
    out_.append('"');
  }
  void number(std::string_view key, std::uint64_t value) {
    literal(key);
    out_.append_decimal(value);
  }
  void seconds(std::string_view key, Duration duration) {
    if (duration.count() < 0) return;
    auto microseconds =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
    number(key, microseconds / 1'000'000);
    out_.append('.');
    append_padded(out_, microseconds % 1'000'000, 6);
  }
  void timestamp(std::string_view key, std::int64_t unix_ms) {
    literal(key);
    append_timestamp(out_, unix_ms);
    out_.append('"');
  }

 private:
  http::Writer& out_;
  bool is_first_ = true;
};

void write_field(JsonObject& out, const AccessLogEntry& entry, LogField field) noexcept {
  switch (field) {
    case LogField::ts:
      return out.timestamp(R"(,"ts":")", entry.unix_ms);
    case LogField::shard:
      return out.number(R"(,"shard":)", entry.shard);
    case LogField::listener:
      return out.string(R"(,"listener":")", entry.listener);
    case LogField::client:
      return out.string(R"(,"client":")", entry.client);
    case LogField::peer:
      return out.string(R"(,"peer":")", entry.peer);
    case LogField::request_id:
      return out.string(R"(,"request_id":")", entry.request_id);
    case LogField::method:
      return out.string(R"(,"method":")", entry.method);
    case LogField::host:
      return out.string(R"(,"host":")", entry.host);
    case LogField::target:
      return out.string(R"(,"target":")", entry.target);
    case LogField::protocol:
      return out.string(R"(,"protocol":")", entry.protocol);
    case LogField::status:
      return out.number(R"(,"status":)", static_cast<std::uint64_t>(entry.status));
    case LogField::request_bytes:
      return out.number(R"(,"request_bytes":)", entry.request_bytes);
    case LogField::response_bytes:
      return out.number(R"(,"response_bytes":)", entry.response_bytes);
    case LogField::route:
      return out.string(R"(,"route":")", entry.route);
    case LogField::upstream:
      return out.string(R"(,"upstream":")", entry.upstream);
    case LogField::endpoint:
      return out.string(R"(,"endpoint":")", entry.endpoint);
    case LogField::attempts:
      if (entry.attempts != 0) out.number(R"(,"attempts":)", entry.attempts);
      return;
    case LogField::reused:
      if (entry.attempts != 0) out.literal(entry.is_upstream_reused ? R"(,"reused":true)" : R"(,"reused":false)");
      return;
    case LogField::head:
      return out.seconds(R"(,"head":)", entry.head);
    case LogField::queue:
      return out.seconds(R"(,"queue":)", entry.queue);
    case LogField::connect:
      return out.seconds(R"(,"connect":)", entry.connect);
    case LogField::first_byte:
      return out.seconds(R"(,"first_byte":)", entry.first_byte);
    case LogField::total:
      return out.seconds(R"(,"total":)", entry.total);
    case LogField::user_agent:
      return out.string(R"(,"user_agent":")", entry.user_agent);
    case LogField::reason:
      return out.string(R"(,"reason":")", entry.reason);
    case LogField::detail:
      return out.string(R"(,"detail":")", entry.detail);
    case LogField::body_bytes:
      return out.number(R"(,"body_bytes":)", entry.body_bytes);
    case LogField::referer:
      return out.string(R"(,"referer":")", entry.referer);
  }
}

void append_or_dash(http::Writer& out, std::string_view text) noexcept {
  if (text.empty()) return out.append('-');
  append_text(out, text, Escape::hex);
}

}  // namespace

void keep_texts(AccessLogEntry& entry, PooledText& memory) {
  std::string_view* const texts[] = {&entry.listener, &entry.client, &entry.peer,     &entry.request_id,
                                     &entry.method,   &entry.host,   &entry.target,   &entry.user_agent,
                                     &entry.referer,  &entry.route,  &entry.upstream, &entry.endpoint};
  std::size_t bytes = 0;
  for (const std::string_view* text : texts) bytes += text->size();
  PooledText::Copier copier(memory, bytes);
  for (std::string_view* text : texts) *text = copier.copy(*text);
}

void write_log_line(http::Writer& out, const AccessLogEntry& entry, const LogLayout& layout) noexcept {
  switch (layout.format) {
    case LogFormat::json:
      return write_json_line(out, entry, layout.fields);
    case LogFormat::combined:
      return write_combined_line(out, entry);
  }
}

void write_json_line(http::Writer& out, const AccessLogEntry& entry, const std::vector<LogField>& fields) noexcept {
  JsonObject object(out);
  for (LogField field : fields) write_field(object, entry, field);
  object.end();
}

void write_combined_line(http::Writer& out, const AccessLogEntry& entry) noexcept {
  append_or_dash(out, entry.client);
  out.append(" - - [");
  append_log_time(out, entry.unix_ms);
  out.append("] \"");
  append_or_dash(out, entry.method);
  if (!entry.method.empty()) {
    out.append(' ');
    append_text(out, entry.target, Escape::hex);
    out.append(' ');
    append_text(out, entry.protocol, Escape::hex);
  }
  out.append("\" ");
  append_padded(out, static_cast<std::uint64_t>(entry.status), 3);
  out.append(' ');
  out.append_decimal(entry.body_bytes);
  out.append(" \"");
  append_or_dash(out, entry.referer);
  out.append("\" \"");
  append_or_dash(out, entry.user_agent);
  out.append("\"\n");
}

}  // namespace sluice::proxy
