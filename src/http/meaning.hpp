#pragma once

#include "http/head.hpp"
#include "http/reject.hpp"

// What the fields of a head say about its message; internal to the parser.
namespace sluice::http {

// Reads Connection and Upgrade (RFC 9110 §7.6.1, §7.8). Returns Reject::none, or why they are refused.
[[nodiscard]] Reject read_connection(const FieldList& fields, Version version, ConnectionOptions& connection,
                                     Upgrade& upgrade) noexcept;

// Reads Content-Length and Transfer-Encoding: `none` without either (RFC 9112 §6).
[[nodiscard]] Reject read_framing(const FieldList& fields, Version version, BodyFraming& framing) noexcept;

// RFC 9112 §9.3: whether the sender wants the connection to go on behind this message.
[[nodiscard]] bool persists(Version version, const ConnectionOptions& connection) noexcept;

}  // namespace sluice::http
