#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace sluice::control {

// Appends `text` as a JSON string with its quotes. Bytes from 128 on stay as they are: what we show is UTF-8 already.
void append_json(std::string& out, std::string_view text);
// Seconds with three decimals; negative ones as 0.
void append_json(std::string& out, Duration duration);

}  // namespace sluice::control
