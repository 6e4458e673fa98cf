#pragma once

#include <string_view>

namespace sluice::http {

// The reason phrase of a registered status (RFC 9110 §15 and the IANA registry), else "Unknown".
[[nodiscard]] std::string_view status_reason(int status) noexcept;

}  // namespace sluice::http
