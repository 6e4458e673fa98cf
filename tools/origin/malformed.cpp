#include <array>
#include <string>

#include "handlers.hpp"

namespace sluice::origin {
namespace {

using std::string_view_literals::operator""sv;

// More than any proxy should take for a head.
const std::string& huge_head() {
  static const std::string text = [] {
    std::string out = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 1200; ++i)
      out += "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123\r\n";
    return out + "Content-Length: 2\r\n\r\nok";
  }();
  return text;
}

const std::string& many_fields() {
  static const std::string text = [] {
    std::string out = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 1000; ++i) out += "X: 1\r\n";
    return out + "Content-Length: 2\r\n\r\nok";
  }();
  return text;
}

const Malformation malformations[] = {
    {"status-line", "a status that is no number", "HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok"},
    {"status-range", "the status 99", "HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok"},
    {"version", "HTTP/3.7", "HTTP/3.7 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {"no-status-line", "a body without a head", "hello, world\n"},
    {"header-colon", "a field line without a colon", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-No-Colon\r\n\r\nok"},
    {"space-before-colon", "white space behind a field name", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"},
    {"content-length-text", "Content-Length: two", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"},
    {"content-length-sign", "Content-Length: +2", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"},
    {"content-length-overflow", "2^64 bytes", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nok"},
    {"two-content-lengths", "lengths of 2 and 3",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"},
    {"cl-and-te", "both ways of framing",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
    {"te-unknown", "an unknown transfer coding",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: sluiced, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
    {"te-not-last", "chunked, and another coding behind it",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
    {"chunk-size", "a chunk size that is no number",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n"},
    {"chunk-overflow", "a chunk of 2^68 bytes",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000000000000000\r\nok\r\n0\r\n\r\n"},
    {"chunk-end", "a chunk longer than its size",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n"},
    {"bad-trailer", "a trailer line without a colon",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nno colon\r\n\r\n"},
    {"obs-fold", "a field value on two lines",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Folded: one\r\n two\r\n\r\nok"},
    {"nul", "a NUL in a field value", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Nul: a\0b\r\n\r\nok"sv},
    {"bare-lf", "lines that end in LF alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"},
    {"bare-cr", "a CR inside a field value", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Cr: a\rb\r\n\r\nok"},
    {"huge-head", "a head of 90 KB", huge_head()},
    {"many-fields", "1,000 field lines", many_fields()},
    {"http2-preface", "what an HTTP/2 client begins with", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"unasked-101", "an upgrade that nobody asked for",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: sluiced\r\n\r\nanything"},
    {"extra-bytes", "a second response behind the first",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"},
    {"garbage-after-204", "bytes behind a 204", "HTTP/1.1 204 No Content\r\n\r\ngarbage"},
};

}  // namespace

std::optional<std::size_t> find_malformation(std::string_view kind) noexcept {
  for (std::size_t i = 0; i < std::size(malformations); ++i) {
    if (malformations[i].kind == kind) return i;
  }
  return std::nullopt;
}

const Malformation& malformation(std::size_t index) noexcept { return malformations[index]; }

std::size_t malformation_count() noexcept { return std::size(malformations); }

}  // namespace sluice::origin
