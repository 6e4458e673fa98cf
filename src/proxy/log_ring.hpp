#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace sluice::proxy {

// What: lines on their way from one shard to the log's thread: a ring of bytes with one writer and one reader, in which
//       the writer never waits.
// Shard: push, room and commit from the shard, peek and pop from the log's thread.
// Invariants: only whole lines are between read_ and written_.
class LogRing {
 public:
  // bytes: a power of two.
  explicit LogRing(std::size_t bytes) : mask_(bytes - 1), memory_(std::make_unique<char[]>(bytes)) {}

  // False, and nothing written, when the line does not fit. Tells in `is_half_full` when it is time to wake the reader.
  [[nodiscard]] bool push(std::string_view line, bool& is_half_full);

  // What can be written without a wrap, for a line that is made in place.
  [[nodiscard]] std::span<char> room();
  // A whole line stands at the beginning of room(). True when it is time to wake the reader.
  [[nodiscard]] bool commit(std::size_t bytes);

  // What can be read, in at most two parts.
  [[nodiscard]] std::pair<std::string_view, std::string_view> peek() const;
  void pop(std::size_t bytes);
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

 private:
  [[nodiscard]] bool publish(std::uint64_t written, std::uint64_t end);

  std::size_t mask_;
  std::unique_ptr<char[]> memory_;
  alignas(64) std::atomic<std::uint64_t> written_{0};
  std::uint64_t known_read_ = 0;  // the writer's copy of read_
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace sluice::proxy
