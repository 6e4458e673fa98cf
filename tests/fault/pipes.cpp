#include "pipes.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace sluice::fault {

std::size_t Pipe::bytes() const {
  std::size_t sum = 0;
  for (const std::string& chunk : chunks_) sum += chunk.size();
  return sum;
}

void Pipe::push(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += page) chunks_.emplace_back(bytes.substr(at, page));
}

std::string Pipe::pop(std::size_t bytes_max) {
  std::string out;
  while (out.size() < bytes_max && !chunks_.empty()) {
    std::string& chunk = chunks_.front();
    std::size_t bytes = std::min(bytes_max - out.size(), chunk.size());
    out.append(chunk, 0, bytes);
    chunk.erase(0, bytes);
    if (chunk.empty()) chunks_.pop_front();
  }
  return out;
}

int Pipe::resize(int bytes) {
  if (bytes < 0) return -EINVAL;
  std::size_t slots = std::bit_ceil(std::max<std::size_t>((static_cast<std::size_t>(bytes) + page - 1) / page, 1));
  if (slots < chunks_.size()) return -EBUSY;
  slots_ = slots;
  return static_cast<int>(slots * page);
}

PipeEnd::~PipeEnd() {
  (is_reader_ ? pipe_->has_reader : pipe_->has_writer) = false;
  wake_opposite();
}

long PipeEnd::read(std::size_t bytes_max, std::string& out) {
  if (pipe_->bytes() == 0) return pipe_->has_writer ? -EAGAIN : 0;
  out = pipe_->pop(bytes_max);
  wake_opposite();
  return static_cast<long>(out.size());
}

long PipeEnd::write_room() const {
  if (!pipe_->has_reader) return -EPIPE;
  std::size_t room = pipe_->room();
  return room == 0 ? -EAGAIN : static_cast<long>(room);
}

void PipeEnd::write(std::string_view bytes) {
  pipe_->push(bytes);
  wake_opposite();
}

short PipeEnd::poll() const {
  int mask = 0;
  if (is_reader_) {
    if (pipe_->bytes() != 0) mask |= POLLIN | POLLRDNORM;
    if (!pipe_->has_writer) mask |= POLLHUP;
  } else {
    if (pipe_->room() != 0) mask |= POLLOUT | POLLWRNORM;
    if (!pipe_->has_reader) mask |= POLLERR;
  }
  return static_cast<short>(mask);
}

void PipeEnd::wake_opposite() {
  if (auto end = opposite_.lock()) end->wake();
}

short EventCounter::poll() const {
  int mask = POLLOUT;
  if (count_ != 0) mask |= POLLIN;
  return static_cast<short>(mask);
}

}  // namespace sluice::fault
