#pragma once

#include <cstddef>

#include "http/field_names.hpp"
#include "http/head.hpp"
#include "http/writer.hpp"

namespace sluice::http {

// Fields whose values no TRACE may carry or show, RFC 9110 §9.3.8: they hold secrets.
inline constexpr FieldIds trace_secrets = set_of(FieldId::authorization, FieldId::cookie, FieldId::proxy_authorization);

// The body that answers a TRACE (message/http): the head as it was received, without secrets. At most
// trace_bytes_max() bytes.
[[nodiscard]] std::size_t trace_bytes_max(const RequestHead& head) noexcept;
void write_trace(Writer& out, const RequestHead& head) noexcept;

}  // namespace sluice::http
