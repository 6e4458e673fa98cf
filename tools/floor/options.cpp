#include "options.hpp"

#include <arpa/inet.h>

#include <bit>
#include <charconv>
#include <string_view>

namespace sluice::floor {

const char* const usage =
    "usage: sluice-floor --listen IPV4:PORT --upstream IPV4:PORT [--pairs N] [--buffers N] [--buffer-bytes N]\n"
    "\n"
    "Copies bytes between each accepted connection and one upstream connection of its own, without looking at\n"
    "them. What this costs is the floor below which no user-space proxy on this kernel can go.\n"
    "\n"
    "  --listen IPV4:PORT    where to accept; port 0 takes a free one, the first line of output names it\n"
    "  --upstream IPV4:PORT  where each client is connected to\n"
    "  --pairs N             client connections at once (4096); more wait in the listen queue or are closed\n"
    "  --buffers N           receive buffers that they share, a power of two up to 32768 (1024)\n"
    "  --buffer-bytes N      size of one, 1 to 1048576 (16384)\n"
    "  -v                    print the version\n"
    "\n"
    "SIGTERM and SIGINT stop it. Exit: 0 stopped with everything given back, 1 could not start or run, 3 something "
    "leaked.\n";

namespace {

bool parse_number(std::string_view text, unsigned low, unsigned high, unsigned& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= low && value <= high;
}

bool parse_address(std::string_view text, unsigned port_low, sockaddr_in& address) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string host(text.substr(0, colon));
  unsigned port = 0;
  if (!parse_number(text.substr(colon + 1), port_low, 65535, port)) return false;
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  return inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1;
}

bool parse_option(std::string_view name, std::string_view value, Options& options) {
  if (name == "--listen") return parse_address(value, 0, options.listen);
  if (name == "--upstream") return parse_address(value, 1, options.upstream);
  if (name == "--pairs") return parse_number(value, 1, 1U << 20U, options.pairs_max);
  if (name == "--buffers")
    return parse_number(value, 1, 32768, options.buffer_count) && std::has_single_bit(options.buffer_count);
  if (name == "--buffer-bytes") return parse_number(value, 1, 1U << 20U, options.buffer_bytes);
  return false;
}

}  // namespace

std::string parse_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      options.mode = Mode::help;
      return {};
    }
    if (name == "-v") {
      options.mode = Mode::version;
      return {};
    }
    if (i + 1 == argc) return "'" + name + "' is unknown or lacks its value";
    if (!parse_option(name, argv[i + 1], options)) return "cannot use '" + name + " " + argv[i + 1] + "'";
  }
  if (options.listen.sin_family == 0) return "--listen is missing";
  if (options.upstream.sin_family == 0) return "--upstream is missing";
  return {};
}

}  // namespace sluice::floor
