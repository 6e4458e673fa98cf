#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "target.hpp"

namespace sluice::load {

struct Options {
  std::vector<WeightedUrl> urls;
  std::string url_file;  // more of them
  std::string connect;   // where to connect instead, whatever the URLs say; empty: there
  unsigned connections = 10;
  unsigned threads = 1;
  unsigned pipeline = 1;
  std::uint64_t rate = 0;            // starts a second; 0: closed loop
  std::optional<Duration> duration;  // neither: 10 s
  std::uint64_t requests = 0;        // 0: as many as come
  Duration warm_up{0};
  Duration timeout = std::chrono::seconds(5);
  bool keep_alive = true;
  std::string method;  // empty: GET, with a body POST
  std::uint64_t body_bytes = 0;
  bool has_body = false;
  std::vector<std::string> headers;
  bool verify = false;
  std::optional<std::uint64_t> expected_bytes;
  bool allow_errors = false;
  bool quiet = false;
  int first_cpu = -1;     // negative: not pinned
  int server = 0;         // process whose CPU time is wanted; 0: none
  std::string json_file;  // "-": standard output, instead of the text
  bool help_wanted = false;
  bool version_wanted = false;
};

[[nodiscard]] std::string usage();

// Reads the command line, without the name of the program. The error is a sentence.
[[nodiscard]] std::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments);

// "500ms", "10s", "2m", "1h", or seconds without a unit; at least 1 ms.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// "64", "64K", "1M" (1024, 1048576).
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace sluice::load
