#include "options.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/ascii.hpp"
#include "handlers.hpp"

namespace sluice::origin {
namespace {

constexpr std::size_t listeners_max = 64;
constexpr unsigned threads_max = 256;
constexpr unsigned cpu_max = 4095;

constexpr std::string_view description =
    R"(usage: sluice-origin --listen ADDRESS:PORT [--listen ADDRESS:PORT ...] [--threads N] [--cpu N]

An HTTP/1.1 server to put behind a proxy: it answers as the path says, well or badly. For tests on loopback.

  --listen ADDRESS:PORT  where to accept; port 0 takes a free one. May be given up to 64 times. Each gives a line of
                         output, 'listening on 127.0.0.1:9001', once connections are accepted
  --threads N            event loops, 1 to 256 (1)
  --cpu N                pin the threads to the CPUs from N on

SIGTERM and SIGINT stop it at once. Exit: 0 stopped, 1 could not start.

Numbers in paths and queries may end in K or M (1024, 1048576). Unless a path says otherwise the request's body is read
to its end first, and the response's body is a pattern with 'X-Checksum: crc32=XXXXXXXX' (of the whole body, as zlib
computes it) in the head. Byte i of every pattern is block[i % 65521], where block[j] is the character number
(byte j % 8, lowest first, of output j / 8 of splitmix64 seeded with 0) % 64 of A-Z a-z 0-9 - _. Every response carries
Date, Server and 'X-Origin: ADDRESS:PORT', the listener that it came through.

Queries, on each path that makes sense of them:
  size=N            bytes of the body, where the path does not say (2)
  chunked=N         chunked, N bytes in a chunk
  trailers=1        chunked, and X-Checksum in the trailers too
  close=1           no length: the end of the connection ends the body
  delay_ms=N        wait before answering

Bodies:
  /                 2 bytes, or size=N
  /size/N           N bytes
  /delay/MS         answers after MS milliseconds
  /status/CODE      200 to 599
  /drip             bytes=N (10), of which chunk=N (1) every interval_ms=N (100)
  /sse              text/event-stream: events=N (5; 0: endless), one every interval_ms=N (1000)
  /interim          count=N (1) interim responses with status=N (103) and a Link, then 200
  /slow-head        the head byte by byte, one every ms=N (5)
  /checksum-bad/N   N bytes and a checksum that is wrong

What arrived:
  /head             the head of the request, byte for byte, whatever the query
  /echo             the request's body as it comes, framed as it was, with its trailers, whatever the query
  /upload           {"bytes":N,"checksum":"crc32=XXXXXXXX"}; checksum=0 leaves it out
  /expect           as /upload; refuse=STATUS (1: 417) answers without reading, silent=1 reads without sending the 100
                    (every path sends it when the client waits for it and the body is wanted)
  /stats            JSON of all threads: connections accepted, open, refused; requests; abandoned, whose client left early;
                    and the heap allocations of the thread that answers

Faults:
  /early/CODE       answers at once, then reads the body; close=1 closes instead, reset=1 resets
  /never            reads, and never answers
  /stall-read       reads 64K of the body, rests ms=N (1000), goes on as /upload
  /close-before-response   closes; reset=1 resets; reused=1 answers the first request of a connection
  /close-mid/N      announces N bytes, sends half of them and FIN
  /reset-mid/N      the same with RST
  /close-mid-chunked/N     FIN in the middle of a chunk of N bytes; boundary=1: behind a whole chunk of N / 2
  /bad/KIND         a malformed response; the connection stays open until the client leaves, or close=1 closes it. KIND:
)";

std::optional<unsigned> parse_number(std::string_view text, unsigned low, unsigned high) {
  std::optional<std::uint64_t> value = ascii::parse_decimal(text);
  if (!value || *value < low || *value > high) return std::nullopt;
  return static_cast<unsigned>(*value);
}

bool parse_option(std::string_view name, std::string_view value, Options& options) {
  if (name == "--listen") {
    std::optional<net::Address> address = net::Address::parse(value);
    if (!address || options.listen.size() == listeners_max) return false;
    options.listen.push_back(*address);
    return true;
  }
  std::optional<unsigned> number;
  if (name == "--threads") {
    number = parse_number(value, 1, threads_max);
    options.threads = number.value_or(0);
  }
  if (name == "--cpu") {
    number = parse_number(value, 0, cpu_max);
    options.first_cpu = static_cast<int>(number.value_or(0));
  }
  return number.has_value();
}

}  // namespace

std::string usage() {
  std::string text(description);
  for (std::size_t i = 0; i < malformation_count(); ++i) {
    const Malformation& bad = malformation(i);
    text += "    " + std::string(bad.kind) + std::string(26 - bad.kind.size(), ' ') + std::string(bad.breach) + '\n';
  }
  return text;
}

std::string parse_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      options.help_wanted = true;
      return {};
    }
    if (i + 1 == argc) return "'" + name + "' is unknown or lacks its value; see --help";
    if (!parse_option(name, argv[i + 1], options)) return "cannot use '" + name + " " + argv[i + 1] + "'; see --help";
  }
  if (options.listen.empty()) return "--listen is missing; see --help";
  return {};
}

}  // namespace sluice::origin
