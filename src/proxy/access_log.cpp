#include "proxy/access_log.hpp"

#include <chrono>

#include "base/assert.hpp"
#include "proxy/log_line.hpp"

namespace sluice::proxy {

namespace {

// Texts, and what else a field can be at most: its key, and 20 digits or a moment.
constexpr std::size_t text_fields = 15;
static_assert(text_fields * LogLine::escaped_bytes_max + log_field_count * 48 <= log_line_bytes_max);

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

void write_clock(LogLine& out, const Moment& moment) noexcept {
  out.two_digits(moment.hour);
  out.literal(':');
  out.two_digits(moment.minute);
  out.literal(':');
  out.two_digits(moment.second);
}

// RFC 3339 in UTC with milliseconds.
void write_timestamp(LogLine& out, std::int64_t unix_ms) noexcept {
  const Moment moment(unix_ms);
  out.four_digits(moment.year);
  out.literal('-');
  out.two_digits(moment.month);
  out.literal('-');
  out.two_digits(moment.day);
  out.literal('T');
  write_clock(out, moment);
  out.literal('.');
  out.literal(static_cast<char>('0' + moment.millisecond / 100));
  out.two_digits(moment.millisecond % 100);
  out.literal('Z');
}

// "20/Nov/2026:07:42:35 +0000", as other servers write it in UTC.
void write_log_time(LogLine& out, std::int64_t unix_ms) noexcept {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const Moment moment(unix_ms);
  out.two_digits(moment.day);
  out.literal('/');
  out.word(months.substr(std::size_t{3} * (moment.month - 1), 3));
  out.literal('/');
  out.four_digits(moment.year);
  out.literal(':');
  write_clock(out, moment);
  out.literal(" +0000");
}

// What: the members of one JSON object. A key comes with everything around it, as `,"key":`; the comma of the first one
// becomes the brace.
class JsonObject {
 public:
  explicit JsonObject(LogLine& out) : out_(out) {}
  void end() {
    if (out_.size() == 0) out_.literal('{');
    *out_.begin() = '{';
    out_.literal("}\n");
  }

  template <std::size_t size>
  void literal(const char (&text)[size]) {
    out_.literal(text);
  }
  // key: ends with the quote that opens the text.
  template <std::size_t size>
  void string(const char (&key)[size], std::string_view text) {
    if (text.empty()) return;
    out_.literal(key);
    out_.text(text, Escape::json);
    out_.literal('"');
  }
  template <std::size_t size>
  void number(const char (&key)[size], std::uint64_t value) {
    out_.literal(key);
    out_.decimal(value);
  }
  template <std::size_t size>
  void seconds(const char (&key)[size], Duration duration) {
    if (duration.count() < 0) return;
    out_.literal(key);
    out_.seconds(duration);
  }
  template <std::size_t size>
  void timestamp(const char (&key)[size], std::int64_t unix_ms) {
    out_.literal(key);
    write_timestamp(out_, unix_ms);
    out_.literal('"');
  }

 private:
  LogLine& out_;
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
      if (!entry.is_relay) out.number(R"(,"status":)", static_cast<std::uint64_t>(entry.status));
      return;
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
      if (entry.attempts == 0 || entry.is_relay) return;
      return entry.is_upstream_reused ? out.literal(R"(,"reused":true)") : out.literal(R"(,"reused":false)");
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

void write_or_dash(LogLine& out, std::string_view text) noexcept {
  if (text.empty()) return out.literal('-');
  out.text(text, Escape::hex);
}

void write_json_line(LogLine& out, const AccessLogEntry& entry, const std::vector<LogField>& fields) noexcept {
  JsonObject object(out);
  for (LogField field : fields) write_field(object, entry, field);
  object.end();
}

void write_combined_line(LogLine& out, const AccessLogEntry& entry) noexcept {
  write_or_dash(out, entry.client);
  out.literal(" - - [");
  write_log_time(out, entry.unix_ms);
  out.literal("] \"");
  write_or_dash(out, entry.method);
  if (!entry.method.empty()) {
    out.literal(' ');
    out.text(entry.target, Escape::hex);
    out.literal(' ');
    out.text(entry.protocol, Escape::hex);
  }
  out.literal("\" ");
  const auto status = static_cast<std::uint64_t>(entry.status);
  out.literal(static_cast<char>('0' + status / 100));
  out.two_digits(status % 100);
  out.literal(' ');
  out.decimal(entry.body_bytes);
  out.literal(" \"");
  write_or_dash(out, entry.referer);
  out.literal("\" \"");
  write_or_dash(out, entry.user_agent);
  out.literal("\"\n");
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

std::size_t write_log_line(std::span<char, log_line_bytes_max> memory, const AccessLogEntry& entry,
                           const LogLayout& layout) noexcept {
  LogLine line(memory.data());
  switch (layout.format) {
    case LogFormat::json:
      write_json_line(line, entry, layout.fields);
      break;
    case LogFormat::combined:
      write_combined_line(line, entry);
      break;
  }
  SLUICE_ASSERT(line.size() <= memory.size());
  return line.size();
}

}  // namespace sluice::proxy
