#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

// Every bound of the origin.
namespace sluice::origin {

inline constexpr Duration idle_timeout = std::chrono::minutes(5);     // between two requests
inline constexpr Duration receive_timeout = std::chrono::minutes(2);  // without a byte of a head or body
inline constexpr Duration send_timeout = std::chrono::minutes(2);     // without a byte taken by the client
inline constexpr Duration never_timeout = std::chrono::hours(1);      // how long /never and its like stay silent
inline constexpr Duration linger_timeout = std::chrono::seconds(2);   // for what is under way when we close

inline constexpr std::uint64_t body_bytes_max = std::uint64_t{1} << 40;
inline constexpr std::uint64_t wait_ms_max = 3'600'000;

inline constexpr std::size_t connections_max = 16384;  // of one thread
inline constexpr std::size_t receive_buffer_bytes = std::size_t{16} * 1024;
inline constexpr unsigned receive_buffers = 1024;  // of one thread
inline constexpr unsigned receive_share_max = 4;   // unread ones of one connection
inline constexpr std::size_t bulk_buffer_bytes = std::size_t{256} * 1024;
inline constexpr std::size_t bulk_buffers_max = 256;  // beyond, long uploads stay with the shared buffers
inline constexpr std::size_t bulk_from_bytes = std::size_t{64} * 1024;  // of a body
inline constexpr std::size_t scratch_blocks_max = 1024;                 // heads that span buffers, trailer sections

}  // namespace sluice::origin
