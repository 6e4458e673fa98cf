#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "request.hpp"

// What answers each path; the table is in request.cpp, the description in options.cpp.
namespace sluice::origin {

// bodies.cpp: what the origin makes up
runtime::Task<Ending> serve_root(Connection& connection);
runtime::Task<Ending> serve_size(Connection& connection);
runtime::Task<Ending> serve_delay(Connection& connection);
runtime::Task<Ending> serve_status(Connection& connection);
runtime::Task<Ending> serve_checksum_bad(Connection& connection);
runtime::Task<Ending> serve_drip(Connection& connection);
runtime::Task<Ending> serve_sse(Connection& connection);
runtime::Task<Ending> serve_interim(Connection& connection);
runtime::Task<Ending> serve_slow_head(Connection& connection);

// uploads.cpp: what the client sent
runtime::Task<Ending> serve_head(Connection& connection);
runtime::Task<Ending> serve_stats(Connection& connection);
runtime::Task<Ending> serve_echo(Connection& connection);
runtime::Task<Ending> serve_upload(Connection& connection);
runtime::Task<Ending> serve_expect(Connection& connection);
runtime::Task<Ending> serve_stall_read(Connection& connection);

// faults.cpp: what no origin should do
runtime::Task<Ending> serve_early(Connection& connection);
runtime::Task<Ending> serve_never(Connection& connection);
runtime::Task<Ending> serve_close_before_response(Connection& connection);
runtime::Task<Ending> serve_close_mid(Connection& connection);
runtime::Task<Ending> serve_reset_mid(Connection& connection);
runtime::Task<Ending> serve_close_mid_chunked(Connection& connection);
runtime::Task<Ending> serve_bad(Connection& connection);

// malformed.cpp: responses that break the protocol
struct Malformation {
  std::string_view kind;      // behind /bad/
  std::string_view breach;    // for --help
  std::string_view response;  // all of it
};
// The index of a kind.
[[nodiscard]] std::optional<std::size_t> find_malformation(std::string_view kind) noexcept;
[[nodiscard]] const Malformation& malformation(std::size_t index) noexcept;
[[nodiscard]] std::size_t malformation_count() noexcept;

}  // namespace sluice::origin
