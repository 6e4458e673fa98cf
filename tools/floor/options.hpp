#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

namespace sluice::floor {

enum class Mode : std::uint8_t { relay, help, version };

struct Options {
  sockaddr_in listen{};
  sockaddr_in upstream{};
  unsigned pairs_max = 4096;     // client connections at once; each needs two descriptors
  unsigned buffer_count = 1024;  // a power of two, shared by all connections
  unsigned buffer_bytes = 16384;
  Mode mode = Mode::relay;
};

extern const char* const usage;

// Reads the command line. Returns what is wrong with it, or an empty text.
[[nodiscard]] std::string parse_options(int argc, char** argv, Options& options);

}  // namespace sluice::floor
