#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "descriptors.hpp"

// Reading and writing whatever kind of file it is: sockets, pipes, event counters.
namespace sluice::fault {

// Bytes taken, 0 at the end, -EAGAIN, -errno.
[[nodiscard]] long read_file(File& file, std::size_t bytes_max, std::string& out);
[[nodiscard]] bool can_read(const File& file);

// > 0: how much a write may bring; -EAGAIN, -errno. An error is reported once.
[[nodiscard]] long write_room(File& file);
[[nodiscard]] bool can_write(const File& file);  // as POLLOUT
void write_file(File& file, std::string_view bytes);

// splice(2), non-blocking.
[[nodiscard]] long splice_files(File& from, File& to, std::size_t bytes);
// What splice_files would move now; 0 when it would not.
[[nodiscard]] std::size_t spliceable(File& from, File& to, std::size_t bytes);

}  // namespace sluice::fault
