#include "proxy/access_log.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

// What: reads one flat JSON object (RFC 8259), strictly. Values are unescaped text, or the number or word as written.
class JsonLine {
 public:
  explicit JsonLine(std::string_view line) : rest_(line) { valid_ = object() && rest_ == "\n"; }
  [[nodiscard]] bool is_valid() const { return valid_; }
  [[nodiscard]] bool has(const std::string& key) const { return fields_.contains(key); }
  [[nodiscard]] std::string at(const std::string& key) const {
    auto found = fields_.find(key);
    return found == fields_.end() ? "(none)" : found->second;
  }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool object() {
    if (!take('{')) return false;
    do {
      std::optional<std::string> key = text();
      if (!key || !take(':')) return false;
      std::optional<std::string> value = rest_.starts_with('"') ? text() : word();
      if (!value || !fields_.emplace(*key, *value).second) return false;
    } while (take(','));
    return take('}');
  }
  std::optional<std::string> word() {
    std::size_t end = rest_.find_first_of(",}");
    if (end == std::string_view::npos) return std::nullopt;
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end);
    if (value == "true" || value == "false") return value;
    // Digits, and digits behind a point.
    std::size_t point = value.find('.');
    std::string_view whole = std::string_view(value).substr(0, point);
    const bool is_number =
        ascii::parse_decimal(whole).has_value() && (whole.size() == 1 || whole[0] != '0') &&
        (point == std::string::npos || ascii::parse_decimal(std::string_view(value).substr(point + 1)));
    return is_number ? std::optional(value) : std::nullopt;
  }
  std::optional<std::string> text() {
    if (!take('"')) return std::nullopt;
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      const char c = rest_.front();
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) return std::nullopt;
      rest_.remove_prefix(1);
      if (c != '\\') {
        value += c;
        continue;
      }
      if (take('"')) {
        value += '"';
      } else if (take('\\')) {
        value += '\\';
      } else if (!take('u') || !code_unit(value)) {
        return std::nullopt;
      }
    }
    return take('"') ? std::optional(value) : std::nullopt;
  }
  bool code_unit(std::string& value) {
    if (rest_.size() < 4 || !rest_.starts_with("00")) return false;
    const int high = ascii::hex_value(rest_[2]);
    const int low = ascii::hex_value(rest_[3]);
    if (high < 0 || low < 0) return false;
    value += static_cast<char>(high << 4 | low);
    rest_.remove_prefix(4);
    return true;
  }

  std::string_view rest_;
  std::map<std::string, std::string> fields_;
  bool valid_ = false;
};

std::string write(const AccessLogEntry& entry) {
  char line[log_line_bytes_max];
  return {line, write_log_line(line, entry, {})};
}

std::string write_fields(const AccessLogEntry& entry, const std::vector<LogField>& fields) {
  char line[log_line_bytes_max];
  return {line, write_log_line(line, entry, {.fields = fields})};
}

std::string write_combined(const AccessLogEntry& entry) {
  char line[log_line_bytes_max];
  return {line, write_log_line(line, entry, {.format = LogFormat::combined})};
}

AccessLogEntry whole_entry() {
  AccessLogEntry entry;
  entry.unix_ms = 1'700'000'000'042;
  entry.shard = 3;
  entry.listener = "public";
  entry.client = "192.0.2.7";
  entry.peer = "10.0.0.1";
  entry.request_id = "018bcfe5-687b-7fff-bfff-ffffffffffff";
  entry.method = "GET";
  entry.host = "api.example.com";
  entry.target = "/v1/users?page=2";
  entry.protocol = "HTTP/1.1";
  entry.user_agent = "curl/8.5";
  entry.status = 502;
  entry.request_bytes = 7;
  entry.response_bytes = 123;
  entry.route = "api.example.com/v1/*";
  entry.upstream = "api";
  entry.endpoint = "127.0.0.1:9001";
  entry.attempts = 2;
  entry.is_upstream_reused = true;
  entry.head = 20us;
  entry.queue = 0us;
  entry.connect = 1'500us;
  entry.first_byte = 2s + 5us;
  entry.total = 61s;
  entry.reason = "upstream_malformed";
  entry.detail = "bad_status_line";
  entry.referer = "https://example.com/?q=\"";
  entry.body_bytes = 23;
  return entry;
}

TEST_CASE("a whole entry, byte by byte") {
  const AccessLogEntry entry = whole_entry();
  CHECK(
      write(entry) ==
      R"({"ts":"2023-11-14T22:13:20.042Z","shard":3,"listener":"public","client":"192.0.2.7","peer":"10.0.0.1",)"
      R"("request_id":"018bcfe5-687b-7fff-bfff-ffffffffffff","method":"GET","host":"api.example.com",)"
      R"("target":"/v1/users?page=2","protocol":"HTTP/1.1","status":502,"request_bytes":7,"response_bytes":123,)"
      R"("route":"api.example.com/v1/*","upstream":"api","endpoint":"127.0.0.1:9001","attempts":2,"reused":true,)"
      R"("head":0.000020,"queue":0.000000,"connect":0.001500,"first_byte":2.000005,"total":61.000000,"user_agent":"curl/8.5",)"
      R"("reason":"upstream_malformed","detail":"bad_status_line"})"
      "\n");
  CHECK(JsonLine(write(entry)).is_valid());
}

TEST_CASE("the fields that are asked for, in that order") {
  struct Row {
    std::vector<LogField> fields;
    std::string_view written;
  };
  const Row rows[] = {
      {{LogField::status}, R"({"status":502})"},
      {{LogField::total, LogField::ts}, R"({"total":61.000000,"ts":"2023-11-14T22:13:20.042Z"})"},
      {{LogField::reused, LogField::attempts}, R"({"reused":true,"attempts":2})"},
      {{LogField::referer, LogField::body_bytes}, R"({"referer":"https://example.com/?q=\"","body_bytes":23})"},
      {{LogField::client, LogField::queue, LogField::reason},
       R"({"client":"192.0.2.7","queue":0.000000,"reason":"upstream_malformed"})"},
  };
  for (const Row& row : rows) CHECK(write_fields(whole_entry(), row.fields) == std::string(row.written) + "\n");
  // Absent ones leave neither a comma nor a key behind.
  const AccessLogEntry none;
  CHECK(write_fields(none, {LogField::method}) == "{}\n");
  CHECK(write_fields(none, {LogField::method, LogField::status, LogField::reused}) == "{\"status\":0}\n");
  CHECK(write_fields(none, {LogField::connect, LogField::detail, LogField::shard}) == "{\"shard\":0}\n");
  for (std::size_t i = 0; i < log_field_count; ++i) {
    const auto field = static_cast<LogField>(i);
    const std::string line = write_fields(whole_entry(), {field});
    CAPTURE(line);
    JsonLine parsed(line);
    CHECK(parsed.is_valid());
    CHECK(parsed.size() == 1);
    CHECK(parsed.has(std::string(to_string(field))));
  }
}

TEST_CASE("the combined format, byte by byte") {
  CHECK(write_combined(whole_entry()) ==
        R"(192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /v1/users?page=2 HTTP/1.1" 502 23 )"
        R"("https://example.com/?q=\x22" "curl/8.5")"
        "\n");
  CHECK(write_combined({}) == "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 \"-\" \"-\"\n");
}

TEST_CASE("in the combined format no client can leave its quotes") {
  struct Row {
    std::string_view text;
    std::string_view written;
  };
  const Row rows[] = {
      {"plain text", "plain text"},
      {"a\"b", R"(a\x22b)"},
      {"a\\b", R"(a\x5Cb)"},
      {R"(\x22)", R"(\x5Cx22)"},
      {"\" 200 0 \"", R"(\x22 200 0 \x22)"},
      {"\r\n1.2.3.4 - - [", R"(\x0D\x0A1.2.3.4 - - [)"},
      {"\0"sv, R"(\x00)"},
      {"\t\x1b\x7f", R"(\x09\x1B\x7F)"},
      {"caf\xc3\xa9", R"(caf\xC3\xA9)"},
      {"\xff", R"(\xFF)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    AccessLogEntry entry;
    entry.method = "GET";
    entry.protocol = "HTTP/1.1";
    entry.target = entry.referer = entry.user_agent = row.text;
    const std::string line = write_combined(entry);
    const std::string text(row.written);
    CHECK(line.ends_with(fmt::format("\"GET {0} HTTP/1.1\" 000 0 \"{0}\" \"{0}\"\n", text)));
    CHECK(std::ranges::count(line, '"') == 6);
    CHECK(std::ranges::count(line, '\n') == 1);
  }
}

TEST_CASE("an entry that keeps its texts is the same line when what they came from is gone") {
  auto texts =
      std::make_unique<std::string>("a listener, a client, an id, a method, a host, a target, a user agent, ...");
  const std::string_view all(*texts);
  AccessLogEntry entry;
  std::string_view* const views[] = {&entry.listener, &entry.client,   &entry.request_id, &entry.method,
                                     &entry.host,     &entry.target,   &entry.user_agent, &entry.referer,
                                     &entry.route,    &entry.upstream, &entry.endpoint};
  std::size_t at = 0;
  for (std::string_view* view : views) *view = all.substr(at++, 7);
  entry.protocol = "HTTP/1.1";
  const std::string before = write(entry);
  PooledText memory;
  keep_texts(entry, memory);
  for (std::string_view* view : views) {
    CHECK(view->data() >= memory.view().data());
    CHECK(view->data() + view->size() <= memory.view().data() + memory.view().size());
  }
  texts->assign(texts->size(), '!');
  texts.reset();
  CHECK(write(entry) == before);
}

TEST_CASE("what there was not is left out") {
  CHECK(
      write({}) ==
      R"({"ts":"1970-01-01T00:00:00.000Z","shard":0,"status":0,"request_bytes":0,"response_bytes":0,"total":0.000000})"
      "\n");
  AccessLogEntry entry;
  entry.attempts = 1;
  JsonLine line(write(entry));
  CHECK(line.at("reused") == "false");
  CHECK_FALSE(line.has("connect"));
}

TEST_CASE("moments, to the millisecond") {
  struct Row {
    std::int64_t unix_ms;
    std::string_view written;
  };
  const Row rows[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {1, "1970-01-01T00:00:00.001Z"},
      {999, "1970-01-01T00:00:00.999Z"},
      {951'782'399'999, "2000-02-28T23:59:59.999Z"},
      {951'782'400'000, "2000-02-29T00:00:00.000Z"},
      {951'868'800'000, "2000-03-01T00:00:00.000Z"},
      {1'709'164'800'000, "2024-02-29T00:00:00.000Z"},
      {1'740'787'199'000, "2025-02-28T23:59:59.000Z"},
      {4'102'444'799'999, "2099-12-31T23:59:59.999Z"},
      {4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
      {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
  };
  for (const Row& row : rows) {
    AccessLogEntry entry;
    entry.unix_ms = row.unix_ms;
    CHECK(JsonLine(write(entry)).at("ts") == row.written);
  }
}

TEST_CASE("durations, to the microsecond, and none where it is negative") {
  struct Row {
    Duration duration;
    std::string_view written;
  };
  const Row rows[] = {
      {-1ns, "(none)"},   {-5s, "(none)"},       {0ns, "0.000000"},       {999ns, "0.000000"},
      {1us, "0.000001"},  {1ms, "0.001000"},     {999'999us, "0.999999"}, {1s, "1.000000"},
      {90s, "90.000000"}, {25h, "90000.000000"}, {1s + 1us, "1.000001"},
  };
  for (const Row& row : rows) {
    AccessLogEntry entry;
    entry.connect = row.duration;
    CHECK(JsonLine(write(entry)).at("connect") == row.written);
  }
}

TEST_CASE("whatever a client sends stays inside its text") {
  struct Row {
    std::string_view text;
    std::string_view written;
  };
  const Row rows[] = {
      {"plain", R"("plain")"},
      {" ~", R"(" ~")"},
      {"a\"b", R"("a\"b")"},
      {"\\", R"("\\")"},
      {"\\\"", R"("\\\"")"},
      {R"(","status":200,"x":")", R"("\",\"status\":200,\"x\":\"")"},
      {"\n", R"("\u000a")"},
      {"\r\n{\"ts\":1}", R"("\u000d\u000a{\"ts\":1}")"},
      {"\0"sv, R"("\u0000")"},
      {"a\tb", R"("a\u0009b")"},
      {"\x1b[31m", R"("\u001b[31m")"},
      {"\x7f", R"("\u007f")"},
      {"\x80\xff", R"("\u0080\u00ff")"},
      {"caf\xc3\xa9", R"("caf\u00c3\u00a9")"},
      {"\xed\xa0\x80", R"("\u00ed\u00a0\u0080")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    AccessLogEntry entry;
    entry.target = row.text;
    const std::string line = write(entry);
    CHECK(line.contains("\"target\":" + std::string(row.written) + ","));
    JsonLine parsed(line);
    CHECK(parsed.is_valid());
    CHECK(parsed.at("target") == row.text);
  }
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string text(3, static_cast<char>(byte));
    AccessLogEntry entry;
    entry.user_agent = text;
    JsonLine parsed(write(entry));
    CHECK(parsed.is_valid());
    CHECK(parsed.at("user_agent") == text);
  }
}

using Texts = std::vector<std::string_view AccessLogEntry::*>;
const Texts client_texts{&AccessLogEntry::request_id, &AccessLogEntry::method, &AccessLogEntry::host,
                         &AccessLogEntry::target, &AccessLogEntry::user_agent};
const Texts all_texts{&AccessLogEntry::listener, &AccessLogEntry::client,     &AccessLogEntry::request_id,
                      &AccessLogEntry::method,   &AccessLogEntry::host,       &AccessLogEntry::target,
                      &AccessLogEntry::protocol, &AccessLogEntry::user_agent, &AccessLogEntry::route,
                      &AccessLogEntry::upstream, &AccessLogEntry::endpoint,   &AccessLogEntry::reason,
                      &AccessLogEntry::detail,   &AccessLogEntry::referer};

AccessLogEntry largest_numbers() {
  AccessLogEntry entry;
  entry.unix_ms = 253'402'300'799'999;
  entry.shard = UINT32_MAX;
  entry.status = 999;
  entry.request_bytes = entry.response_bytes = UINT64_MAX;
  entry.attempts = UINT32_MAX;
  entry.body_bytes = UINT64_MAX;
  entry.head = entry.queue = entry.connect = entry.first_byte = entry.total = Duration::max();
  return entry;
}

std::vector<LogField> every_field() {
  std::vector<LogField> fields;
  fields.reserve(log_field_count);
  for (std::size_t i = 0; i < log_field_count; ++i) fields.push_back(static_cast<LogField>(i));
  return fields;
}

TEST_CASE("every byte is escaped or stands for itself, wherever it is in a text") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
    const std::string json = is_plain                ? std::string(1, c)
                             : c == '"' || c == '\\' ? std::string("\\") + c
                                                     : fmt::format("\\u{:04x}", byte);
    const std::string hex = is_plain ? std::string(1, c) : fmt::format("\\x{:02X}", byte);
    for (std::size_t size : {1U, 7U, 8U, 9U, 16U, 17U}) {
      for (std::size_t at = 0; at < size; ++at) {
        CAPTURE(byte);
        CAPTURE(size);
        CAPTURE(at);
        const std::string before = std::string("abcdefghijklmnopq").substr(0, at);
        const std::string behind = std::string("ABCDEFGHIJKLMNOPQ").substr(0, size - at - 1);
        AccessLogEntry entry;
        const std::string text = fmt::format("{}{}{}", before, c, behind);
        entry.user_agent = text;
        REQUIRE(write_fields(entry, {LogField::user_agent}) ==
                fmt::format("{{\"user_agent\":\"{}{}{}\"}}\n", before, json, behind));
        REQUIRE(write_combined(entry).ends_with(fmt::format(" \"{}{}{}\"\n", before, hex, behind)));
      }
    }
  }
}

TEST_CASE("texts that are too long are cut, and the line stays whole") {
  const std::size_t sizes[] = {1, 255, 256, 1023, 1024, 1025, 1536, 6000, 100'000};
  const std::string_view contents[] = {"a", "\"", "\x01", "\xff", "a\x01", "aaaaaaa\""};
  for (const Texts& texts : {client_texts, all_texts}) {
    for (std::size_t size : sizes) {
      for (std::string_view content : contents) {
        CAPTURE(size);
        CAPTURE(content);
        CAPTURE(texts.size());
        std::string text;
        while (text.size() < size) text += content;
        text.resize(size);
        AccessLogEntry entry = largest_numbers();
        for (auto member : texts) entry.*member = text;
        const std::string line = write_fields(entry, every_field());
        JsonLine parsed(line);
        REQUIRE(parsed.is_valid());
        CHECK(parsed.size() == 13 + texts.size());
        const std::string combined = write_combined(entry);
        CHECK(combined.ends_with("\"\n"));
        CHECK(std::ranges::count(combined, '"') == 6);
        CHECK(text.starts_with(parsed.at("target")));
        CHECK(parsed.at("target").size() >= std::min<std::size_t>(size, 256));
      }
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
