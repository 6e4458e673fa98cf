#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <system_error>

#include "options.hpp"
#include "relay.hpp"

namespace {

void print_counts(const sluice::floor::Counts& counts) {
  std::fprintf(stderr,
               "sluice-floor: accepted=%" PRIu64 " refused=%" PRIu64 " failed=%" PRIu64 " bytes=%" PRIu64
               " receives=%" PRIu64 " starved=%" PRIu64 " short_sends=%" PRIu64 " turns=%" PRIu64 "\n",
               counts.accepted, counts.refused, counts.failed, counts.bytes, counts.receives, counts.starved,
               counts.short_sends, counts.turns);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice::floor;
  Options options;
  if (const std::string problem = parse_options(argc, argv, options); !problem.empty()) {
    std::fprintf(stderr, "sluice-floor: %s\n%s", problem.c_str(), usage);
    return 1;
  }
  if (options.mode == Mode::help) {
    std::fputs(usage, stdout);
    return 0;
  }
  if (options.mode == Mode::version) {
    std::printf("sluice-floor %s, liburing %d.%d\n", SLUICE_VERSION, IO_URING_VERSION_MAJOR, IO_URING_VERSION_MINOR);
    return 0;
  }

  Relay relay(options);
  if (const char* step = relay.open(); step != nullptr) {
    std::fprintf(stderr, "sluice-floor: %s: %s\n", step, std::generic_category().message(errno).c_str());
    return 1;
  }
  std::array<char, INET_ADDRSTRLEN> host{};
  inet_ntop(AF_INET, &relay.local_address().sin_addr, host.data(), host.size());
  std::printf("listening on %s:%d\n", host.data(), ntohs(relay.local_address().sin_port));
  std::fflush(stdout);

  const int result = relay.run();
  print_counts(relay.counts());
  if (result < 0) {
    std::fprintf(stderr, "sluice-floor: io_uring_enter: %s\n", std::generic_category().message(-result).c_str());
    return 1;
  }
  if (result > 0) std::fprintf(stderr, "sluice-floor: %d buffers or operations leaked\n", result);
  return result == 0 ? 0 : 3;
}
