#include "files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pipes.hpp"
#include "sockets.hpp"

namespace sluice::fault {

long read_file(File& file, std::size_t bytes_max, std::string& out) {
  if (auto* socket = dynamic_cast<Socket*>(&file)) return socket->read(bytes_max, out);
  if (auto* end = dynamic_cast<PipeEnd*>(&file)) return end->is_reader() ? end->read(bytes_max, out) : -EBADF;
  if (auto* counter = dynamic_cast<EventCounter*>(&file)) {
    if (bytes_max < sizeof(std::uint64_t)) return -EINVAL;
    if (counter->count() == 0) return -EAGAIN;
    std::uint64_t count = counter->take();
    out.assign(sizeof count, '\0');
    std::memcpy(out.data(), &count, sizeof count);
    return sizeof count;
  }
  return -EINVAL;
}

bool can_read(const File& file) {
  if (const auto* socket = dynamic_cast<const Socket*>(&file)) return socket->can_read();
  if (const auto* end = dynamic_cast<const PipeEnd*>(&file)) return !end->is_reader() || end->can_read();
  if (const auto* counter = dynamic_cast<const EventCounter*>(&file)) return counter->count() != 0;
  return true;
}

long write_room(File& file) {
  if (auto* socket = dynamic_cast<Socket*>(&file)) return socket->write_room();
  if (auto* end = dynamic_cast<PipeEnd*>(&file)) return end->is_reader() ? -EBADF : end->write_room();
  if (dynamic_cast<EventCounter*>(&file) != nullptr) return sizeof(std::uint64_t);
  return -EINVAL;
}

bool can_write(const File& file) {
  if (const auto* socket = dynamic_cast<const Socket*>(&file)) return socket->can_write();
  if (const auto* end = dynamic_cast<const PipeEnd*>(&file)) return end->is_reader() || end->write_room() != -EAGAIN;
  return true;
}

void write_file(File& file, std::string_view bytes) {
  if (auto* socket = dynamic_cast<Socket*>(&file)) return socket->write(bytes);
  if (auto* end = dynamic_cast<PipeEnd*>(&file)) return end->write(bytes);
  if (auto* counter = dynamic_cast<EventCounter*>(&file)) {
    std::uint64_t count = 0;
    std::memcpy(&count, bytes.data(), std::min(bytes.size(), sizeof count));
    counter->add(count);
  }
}

namespace {

std::size_t readable(const File& file) {
  if (const auto* socket = dynamic_cast<const Socket*>(&file)) return socket->readable();
  return file.pending_bytes();
}

// Room that can be asked for without taking a pending error away.
std::size_t room(File& file) {
  if (auto* socket = dynamic_cast<Socket*>(&file)) {
    return socket->has_error() ? 0 : static_cast<std::size_t>(std::max(socket->write_room(), 0L));
  }
  return static_cast<std::size_t>(std::max(write_room(file), 0L));
}

}  // namespace

std::size_t spliceable(File& from, File& to, std::size_t bytes) { return std::min({bytes, readable(from), room(to)}); }

// The order of Linux: into a pipe its room is looked at first; out of a pipe, whether it holds anything.
long splice_files(File& from, File& to, std::size_t bytes) {
  bool has_pipe = dynamic_cast<PipeEnd*>(&from) != nullptr || dynamic_cast<PipeEnd*>(&to) != nullptr;
  if (!has_pipe) return -EINVAL;
  if (bytes == 0) return 0;
  bool from_pipe = dynamic_cast<PipeEnd*>(&from) != nullptr;
  if (from_pipe && readable(from) == 0) {
    std::string nothing;
    return read_file(from, bytes, nothing);
  }
  long free = write_room(to);
  if (free < 0) return free;
  std::string moved;
  long count = read_file(from, std::min(bytes, static_cast<std::size_t>(free)), moved);
  if (count > 0) write_file(to, moved);
  return count;
}

}  // namespace sluice::fault
