#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "connection.hpp"

namespace sluice::origin {

// A response whose body is the pattern, framed as the query asks (chunked, trailers, close), with its checksum.
[[nodiscard]] runtime::Task<Ending> serve_pattern(Connection& connection, int status, std::uint64_t bytes);
// As that, with a checksum of the caller's.
[[nodiscard]] runtime::Task<Ending> serve_pattern(Connection& connection, int status, std::uint64_t bytes,
                                                  std::uint32_t checksum);

// Writes the pattern from `offset` on, flushing as the output fills up.
[[nodiscard]] runtime::Task<Result<void>> write_pattern(Connection& connection, std::uint64_t offset,
                                                        std::uint64_t bytes);
// "1f4" CRLF
void append_chunk_size(Output& output, std::uint64_t bytes);

}  // namespace sluice::origin
