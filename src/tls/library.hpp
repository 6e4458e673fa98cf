#pragma once

#include <string_view>

namespace sluice::tls {

// What: wolfSSL, ready for use as long as this object lives.
// Shard: none; made before the first thread that uses the library starts, and outlives the last.
// Invariants: there is at most one at a time.
class Library {
 public:
  Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();
};

// Version of the wolfSSL that is linked in, such as "5.7.2".
[[nodiscard]] std::string_view library_version();

// The hand-written assembly that the library was built with, such as "AES-NI, SP"; empty when there is none.
[[nodiscard]] std::string_view library_assembly();

}  // namespace sluice::tls
