#include "http/trace.hpp"

namespace sluice::http {

namespace {

constexpr std::size_t separators = sizeof "  \r\n\r\n";
constexpr std::size_t field_separators = sizeof ": \r\n";

}  // namespace

std::size_t trace_bytes_max(const RequestHead& head) noexcept {
  std::size_t bytes = head.method_text.size() + head.target.size() + to_string(head.version).size() + separators;
  for (const Field& field : head.fields) bytes += field.name.size() + field.value.size() + field_separators;
  return bytes;
}

void write_trace(Writer& out, const RequestHead& head) noexcept {
  out.append(head.method_text);
  out.append(' ');
  out.append(head.target);
  out.append(' ');
  out.append(to_string(head.version));
  out.append("\r\n");
  for (const Field& field : head.fields) {
    if ((trace_secrets & bit_of(field.id)) == 0) out.append_field(field.name, field.value);
  }
  out.append("\r\n");
}

}  // namespace sluice::http
