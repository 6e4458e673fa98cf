#pragma once

#include <cstddef>
#include <cstdint>

// Every bound of the load generator.
namespace sluice::load {

inline constexpr unsigned connections_max = 60'000;
inline constexpr unsigned threads_max = 256;
inline constexpr unsigned cpu_max = 4095;
inline constexpr unsigned process_max = 4194304;  // PID_MAX_LIMIT of the kernel
inline constexpr unsigned pipeline_max = 256;
inline constexpr std::uint64_t rate_max = 100'000'000;
inline constexpr std::uint64_t duration_ms_max = std::uint64_t{7} * 24 * 3'600'000;
inline constexpr std::uint64_t body_bytes_max = std::uint64_t{1} << 30;
inline constexpr std::size_t urls_max = 20'000;

inline constexpr std::size_t receive_buffer_bytes = std::size_t{64} * 1024;
inline constexpr unsigned receive_buffers_min = 64;                     // of one thread
inline constexpr unsigned receive_buffers_max = 4096;                   // as above
inline constexpr std::size_t skip_from_bytes = std::size_t{32} * 1024;  // of a body that nobody looks at
inline constexpr std::size_t skip_bytes_max = std::size_t{256} * 1024;  // at once
inline constexpr unsigned receive_share_max = 8;                        // unread ones of one connection

}  // namespace sluice::load
