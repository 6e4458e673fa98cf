#include "http/reply.hpp"

#include <array>

#include "base/assert.hpp"
#include "http/field_edits.hpp"
#include "http/status.hpp"

namespace sluice::http {
namespace {

// What the reply says of itself; edits have no power over it.
FieldIds written_by(const Reply& reply) {
  FieldIds fields = 0;
  if (!reply.content_type.empty()) fields |= bit_of(FieldId::content_type);
  if (!reply.location.empty()) fields |= bit_of(FieldId::location);
  if (!reply.allow.empty()) fields |= bit_of(FieldId::allow);
  if (reply.retry_after_s != 0) fields |= bit_of(FieldId::retry_after);
  return fields;
}

void write_unless_empty(Writer& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append_field(name, value);
}

void write_connection(Writer& out, ConnectionPolicy policy) {
  if (policy == ConnectionPolicy::close) out.append("Connection: close\r\n");
  if (policy == ConnectionPolicy::keep_alive) out.append("Connection: keep-alive\r\n");
}

void append_json_member(Writer& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(",\"");
  out.append(name);
  out.append("\":\"");
  out.append(value);
  out.append('"');
}

void write_text(Writer& out, const ErrorReply& reply) {
  out.append_decimal(static_cast<std::uint64_t>(reply.status));
  out.append(' ');
  out.append(status_reason(reply.status));
  out.append('\n');
}

// RFC 9457 §3.1; `reason`, `rule` and `request_id` are extension members (§3.2).
void write_problem(Writer& out, const ErrorReply& reply) {
  out.append(R"({"type":"about:blank","title":")");
  out.append(status_reason(reply.status));
  out.append(R"(","status":)");
  out.append_decimal(static_cast<std::uint64_t>(reply.status));
  append_json_member(out, "reason", reply.reason);
  append_json_member(out, "rule", reply.detail);
  append_json_member(out, "request_id", reply.request_id);
  out.append("}\n");
}

}  // namespace

void write_reply_head(Writer& out, const Reply& reply) noexcept {
  SLUICE_ASSERT(reply.status >= 200 && reply.status <= 599);
  const bool has_length = reply.status != 204 && reply.status != 304;
  SLUICE_ASSERT(reply.body_bytes == 0 || (has_length && reply.status != 205));
  out.append("HTTP/1.1 ");
  out.append_decimal(static_cast<std::uint64_t>(reply.status));
  out.append(' ');
  out.append(status_reason(reply.status));
  out.append("\r\n");
  write_unless_empty(out, "Content-Type", reply.content_type);
  write_unless_empty(out, "Location", reply.location);
  write_unless_empty(out, "Allow", reply.allow);
  if (has_length) {
    out.append("Content-Length: ");
    out.append_decimal(reply.body_bytes);
    out.append("\r\n");
  }
  if (reply.retry_after_s != 0) {
    out.append("Retry-After: ");
    out.append_decimal(reply.retry_after_s);
    out.append("\r\n");
  }
  write_connection(out, reply.connection);
  if (!reply.changes.drops(FieldId::vary)) write_unless_empty(out, "Vary", reply.vary);
  if (!reply.changes.drops(FieldId::date)) write_unless_empty(out, "Date", reply.date);
  if (!reply.changes.drops(FieldId::x_request_id)) write_unless_empty(out, "X-Request-ID", reply.request_id);
  reply.changes.write(out, written_by(reply));
  out.append("\r\n");
}

void write_error_reply(Writer& out, const ErrorReply& reply) noexcept {
  SLUICE_ASSERT(reply.status >= 400 && reply.status <= 599);
  std::array<char, 512> memory;
  Writer body(memory);
  if (reply.format == ErrorFormat::problem) {
    write_problem(body, reply);
  } else {
    write_text(body, reply);
  }
  SLUICE_ASSERT(!body.overflowed());
  Reply head;
  head.status = reply.status;
  head.date = reply.date;
  head.request_id = reply.request_id;
  head.content_type = to_string(reply.format);
  head.allow = reply.allow;
  head.vary = "Accept";
  head.retry_after_s = reply.retry_after_s;
  head.body_bytes = body.size();
  head.connection = reply.connection;
  head.changes = reply.changes;
  write_reply_head(out, head);
  if (!reply.omits_body) out.append(body.text());
}

}  // namespace sluice::http
