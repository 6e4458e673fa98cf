#include "proxy/log_ring.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::proxy {

bool LogRing::push(std::string_view line, bool& is_half_full) {
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  const std::uint64_t end = written + line.size();
  if (end - known_read_ > capacity()) {
    known_read_ = read_.load(std::memory_order_acquire);
    if (end - known_read_ > capacity()) return false;
  }
  const std::size_t at = written & mask_;
  const std::size_t first = std::min(line.size(), capacity() - at);
  std::memcpy(memory_.get() + at, line.data(), first);
  std::memcpy(memory_.get(), line.data() + first, line.size() - first);
  is_half_full = publish(written, end);
  return true;
}

std::span<char> LogRing::room() {
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  const std::size_t at = written & mask_;
  const std::size_t unwrapped = capacity() - at;
  if (written + unwrapped - known_read_ > capacity()) known_read_ = read_.load(std::memory_order_acquire);
  return {memory_.get() + at, std::min(unwrapped, static_cast<std::size_t>(capacity() - (written - known_read_)))};
}

bool LogRing::commit(std::size_t bytes) {
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  return publish(written, written + bytes);
}

// Once for each half of the ring, so that the reader is not woken for every line.
bool LogRing::publish(std::uint64_t written, std::uint64_t end) {
  written_.store(end, std::memory_order_release);
  const std::size_t half = capacity() / 2;
  return written / half != end / half;
}

std::pair<std::string_view, std::string_view> LogRing::peek() const {
  const std::uint64_t read = read_.load(std::memory_order_relaxed);
  const std::size_t count = static_cast<std::size_t>(written_.load(std::memory_order_acquire) - read);
  const std::size_t at = read & mask_;
  const std::size_t first = std::min(count, capacity() - at);
  return {{memory_.get() + at, first}, {memory_.get(), count - first}};
}

void LogRing::pop(std::size_t bytes) {
  read_.store(read_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

}  // namespace sluice::proxy
