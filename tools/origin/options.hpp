#pragma once

#include <string>
#include <vector>

#include "net/address.hpp"

namespace sluice::origin {

struct Options {
  std::vector<net::Address> listen;
  unsigned threads = 1;
  int first_cpu = -1;  // negative: not pinned
  bool help_wanted = false;
};

[[nodiscard]] std::string usage();

// Reads the command line. Returns what is wrong with it, or an empty text.
[[nodiscard]] std::string parse_options(int argc, char** argv, Options& options);

}  // namespace sluice::origin
