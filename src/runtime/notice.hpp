#pragma once

#include <string_view>

namespace sluice::runtime {

// Writes a text to standard output or error. A terminal or pipe that is gone, full or never read costs the rest of the
// text and a tenth of a second at most: it must neither end nor stop the proxy. For threads that may wait, never for
// shards.
void write_text(int fd, std::string_view text) noexcept;

// One line for the operator on standard error: "sluice: ...".
void notice(std::string_view line);

}  // namespace sluice::runtime
